// @unkey/api, unmodified.
import { createHash } from "node:crypto";

import { Unkey } from "@unkey/api";

import { fresh, given, MINUTE, report } from "./report.mjs";

function client(rootKey = given.root_key, serverURL = given.base, options = {}) {
  return new Unkey({ rootKey, serverURL, retryConfig: { strategy: "none" }, timeoutMs: 20_000, ...options });
}

/** Notes each method that is called, as `area.method`. */
const called = new Set();

function recorded(whole) {
  const area = (name) => new Proxy(whole[name], { get: (target, method) => (called.add(`${name}.${method}`), target[method].bind(target)) });
  return new Proxy({}, { get: (_, name) => area(name) });
}

/** The methods of every area that the client has. */
function exposed(whole) {
  const getters = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(whole))).filter(([, one]) => one.get);
  const methods = (area) => Object.getOwnPropertyNames(Object.getPrototypeOf(whole[area])).filter((name) => name !== "constructor");
  return getters.flatMap(([area]) => methods(area).map((method) => `${area}.${method}`));
}

const unkey = recorded(client());
const api = async () => (await unkey.apis.createApi({ name: fresh("api") })).data.apiId;
const key = async (fields = {}) => (await unkey.keys.createKey({ apiId: await api(), ...fields })).data;

async function permission() {
  const slug = fresh("perm");
  await unkey.permissions.createPermission({ name: slug, slug });
  return slug;
}

async function role() {
  const name = fresh("role");
  await unkey.permissions.createRole({ name });
  return name;
}

async function identity(fields = {}) {
  const externalId = fresh("user");
  await unkey.identities.createIdentity({ externalId, ...fields });
  return externalId;
}

async function override() {
  const namespace = fresh("ns");
  await unkey.ratelimit.limit({ namespace, identifier: "u", limit: 5, duration: MINUTE });
  await unkey.ratelimit.setOverride({ namespace, identifier: "u", limit: 9, duration: MINUTE });
  return { namespace, identifier: "u" };
}

/** How many items all pages hold together. */
async function count(pages) {
  let total = 0;
  for await (const page of await pages) total += page.result.data.length;
  return total;
}

async function listKeys() {
  const apiId = await api();
  for (let i = 0; i < 3; i++) await unkey.keys.createKey({ apiId });
  return count(unkey.apis.listKeys({ apiId, limit: 2 }));
}

async function verifyKey() {
  const meta = { plan: "pro", none: null };
  const ratelimits = [{ name: "requests", limit: 5, duration: MINUTE, autoApply: true }];
  const made = await key({ name: "ünïcode", meta, credits: { remaining: 3 }, ratelimits, expires: 4_070_908_800_000 });
  const { data } = await unkey.keys.verifyKey({ key: made.key, tags: ["path=/x"], credits: { cost: 2 } });
  return { valid: data.valid, code: data.code, same: data.keyId === made.keyId, name: data.name, credits: data.credits, meta: data.meta, ratelimits: data.ratelimits.length };
}

async function migrateKeys() {
  const secret = fresh("old");
  const moved = { hash: createHash("sha256").update(secret).digest("hex"), name: "moved", externalId: fresh("user"), credits: { remaining: 5 } };
  const request = { migrationId: given.migration, apiId: await api(), keys: [moved] };
  const { data } = await unkey.keys.migrateKeys(request);
  const again = (await unkey.keys.migrateKeys(request)).data;
  const found = (await unkey.keys.verifyKey({ key: secret, migrationId: given.migration })).data;
  return [data.migrated.length, data.failed.length, found.keyId === data.migrated[0].keyId, found.name, again.migrated.length, again.failed.length];
}

async function multiLimit() {
  const shared = { namespace: fresh("ns"), limit: 2, duration: MINUTE };
  const { data } = await unkey.ratelimit.multiLimit([{ identifier: "greedy", cost: 3, ...shared }, { identifier: "modest", ...shared }]);
  return [data.passed, ...data.limits.map((one) => one.passed)];
}

async function keyWith(method, what, made) {
  const { data } = await unkey.keys[method]({ keyId: (await key()).keyId, [what]: [made] });
  return data.length;
}

async function keyWithout(add, remove, what, made) {
  const { keyId } = await key();
  await unkey.keys[add]({ keyId, [what]: [made] });
  return (await unkey.keys[remove]({ keyId, [what]: [made] })).data.length;
}

/** This client knows the older form of the request only: the role by its id. */
async function setRolePermissions() {
  const { roleId } = (await unkey.permissions.createRole({ name: fresh("role") })).data;
  return (await unkey.permissions.setRolePermissions({ roleId, permissions: [await permission()] })).meta.requestId.slice(0, 4);
}

/** Nobody has set analytics up for this workspace: what comes back is that refusal, for the query that was sent. */
async function refusedQuery(method) {
  try {
    await unkey.analytics[method]({ query: "SELECT 1" });
    return "answered";
  } catch (error) {
    return error.statusCode;
  }
}

const operations = {
  "analytics.getVerifications": () => refusedQuery("getVerifications"),
  "analytics.getRatelimits": () => refusedQuery("getRatelimits"),
  "analytics.getGatewayRequests": () => refusedQuery("getGatewayRequests"),
  "analytics.getRuntimeLogs": () => refusedQuery("getRuntimeLogs"),
  "apis.createApi": async () => (await api()).slice(0, 4),
  "apis.getApi": async () => (await unkey.apis.getApi({ apiId: await api() })).data.name.slice(0, 4),
  "apis.deleteApi": async () => (await unkey.apis.deleteApi({ apiId: await api() })).meta.requestId.slice(0, 4),
  "apis.listKeys": listKeys,
  "keys.createKey": async () => (await key({ prefix: "sk" })).key.slice(0, 3),
  "keys.verifyKey": verifyKey,
  "keys.getKey": async () => (await unkey.keys.getKey({ keyId: (await key({ name: "n" })).keyId })).data.name,
  "keys.whoami": async () => (await unkey.keys.whoami({ key: (await key({ name: "n" })).key })).data.name,
  "keys.updateKey": async () => (await unkey.keys.updateKey({ keyId: (await key()).keyId, name: null, enabled: false })).meta.requestId.slice(0, 4),
  "keys.updateCredits": async () => (await unkey.keys.updateCredits({ keyId: (await key({ credits: { remaining: 3 } })).keyId, operation: "set", value: 7 })).data.remaining,
  "keys.rerollKey": async () => (await unkey.keys.rerollKey({ keyId: (await key()).keyId, expiration: MINUTE })).data.keyId.slice(0, 4),
  "keys.deleteKey": async () => (await unkey.keys.deleteKey({ keyId: (await key()).keyId })).meta.requestId.slice(0, 4),
  "keys.migrateKeys": migrateKeys,
  "keys.addPermissions": async () => keyWith("addPermissions", "permissions", await permission()),
  "keys.setPermissions": async () => keyWith("setPermissions", "permissions", await permission()),
  "keys.removePermissions": async () => keyWithout("addPermissions", "removePermissions", "permissions", await permission()),
  "keys.addRoles": async () => keyWith("addRoles", "roles", await role()),
  "keys.setRoles": async () => keyWith("setRoles", "roles", await role()),
  "keys.removeRoles": async () => keyWithout("addRoles", "removeRoles", "roles", await role()),
  "identities.createIdentity": async () => (await identity({ meta: { a: 1 } })).slice(0, 4),
  "identities.getIdentity": async () => (await unkey.identities.getIdentity({ identity: await identity({ meta: { a: 1 } }) })).data.meta,
  "identities.listIdentities": async () => (await count(unkey.identities.listIdentities({ limit: 1 }))) > 0,
  "identities.updateIdentity": async () => (await unkey.identities.updateIdentity({ identity: await identity(), meta: { b: [1] } })).data.meta,
  "identities.deleteIdentity": async () => (await unkey.identities.deleteIdentity({ identity: await identity() })).meta.requestId.slice(0, 4),
  "permissions.createPermission": async () => (await permission()).slice(0, 4),
  "permissions.getPermission": async () => (await unkey.permissions.getPermission({ permission: await permission() })).data.slug.slice(0, 4),
  "permissions.listPermissions": async () => (await permission()) && (await count(unkey.permissions.listPermissions({ limit: 2 }))) > 0,
  "permissions.deletePermission": async () => (await unkey.permissions.deletePermission({ permission: await permission() })).meta.requestId.slice(0, 4),
  "permissions.createRole": async () => (await role()).slice(0, 4),
  "permissions.getRole": async () => (await unkey.permissions.getRole({ role: await role() })).data.name.slice(0, 4),
  "permissions.listRoles": async () => (await role()) && (await count(unkey.permissions.listRoles({ limit: 2 }))) > 0,
  "permissions.deleteRole": async () => (await unkey.permissions.deleteRole({ role: await role() })).meta.requestId.slice(0, 4),
  "permissions.setRolePermissions": setRolePermissions,
  "ratelimit.limit": async () => (await unkey.ratelimit.limit({ namespace: fresh("ns"), identifier: "u", limit: 2, duration: MINUTE })).data.remaining,
  "ratelimit.multiLimit": multiLimit,
  "ratelimit.setOverride": async () => (await override()).identifier,
  "ratelimit.getOverride": async () => (await unkey.ratelimit.getOverride(await override())).data.limit,
  "ratelimit.listOverrides": async () => count(unkey.ratelimit.listOverrides({ namespace: (await override()).namespace })),
  "ratelimit.deleteOverride": async () => (await unkey.ratelimit.deleteOverride(await override())).meta.requestId.slice(0, 4),
};

async function identityTwice() {
  const externalId = await identity();
  await unkey.identities.createIdentity({ externalId });
}

const refusals = {
  schema: () => unkey.apis.createApi({ name: "n".repeat(257) }),
  "no credential": () => client("").apis.createApi({ name: "name" }),
  "no such root key": () => client(given.unknown_key).apis.createApi({ name: "name" }),
  "no permission": () => client(given.powerless_key).apis.createApi({ name: "name" }),
  "unknown api": () => unkey.apis.getApi({ apiId: fresh("api") }),
  "identity exists": identityTwice,
  "namespace deleted": () => unkey.ratelimit.limit({ namespace: given.gone_namespace, identifier: "u", limit: 1, duration: MINUTE }),
  "api protected": () => unkey.apis.deleteApi({ apiId: given.protected_api }),
  "keys not recoverable": () => unkey.keys.createKey({ apiId: given.plain_api, recoverable: true }),
  "workspace throttled": () => client(given.throttled_key).apis.createApi({ name: "name" }),
  "internal error": () => client(given.root_key, given.internal).apis.createApi({ name: "name" }),
  unavailable: () => client(given.root_key, given.unavailable).apis.createApi({ name: "name" }),
  "wrong argument": () => unkey.apis.createApi({ name: 7 }),
};

const transport = {
  "healed by default retries": async () => Boolean((await client(given.root_key, given.healing, { retryConfig: undefined }).apis.createApi({ name: "healed" })).data.apiId),
  "healed dropped connection": async () => Boolean((await client(given.root_key, given.dropping, { retryConfig: undefined }).apis.createApi({ name: "healed" })).data.apiId),
  "silent service": () => client(given.root_key, given.silent, { timeoutMs: 200 }).apis.createApi({ name: "name" }),
  "wrong address": () => client(given.root_key, given.nowhere).apis.createApi({ name: "name" }),
  "wrong path": () => client(given.root_key, `${given.base}/elsewhere`).apis.createApi({ name: "name" }),
};

/** Last, when everything else was called. */
const methods = {
  "methods of the client": async () => exposed(client()).sort(),
  "methods called": async () => [...called].sort(),
};

await report({ ...operations, ...refusals, ...transport, ...methods }, (error) => ({
  class: error.constructor.name,
  status: error.statusCode ?? null,
  kind: /docs\/errors\/([^"]+)/.exec(error.body ?? "")?.[1].split("/").pop() ?? null,
  locations: error.error?.errors?.map((one) => one.location) ?? null,
  message: String(error.message).slice(0, 500),
}));
