// @unkey/ratelimit, unmodified.
import { NoopRatelimit, Overrides, Ratelimit } from "@unkey/ratelimit";

import { fresh, given, MINUTE, report } from "./report.mjs";

function limiter(options = {}) {
  return new Ratelimit({ rootKey: given.root_key, baseUrl: given.base, namespace: fresh("ns"), limit: 2, duration: "60s", timeout: false, ...options });
}

const outcome = ({ success, limit, remaining }) => ({ success, limit, remaining });

async function countsDown() {
  const one = limiter();
  const found = [];
  for (let i = 0; i < 3; i++) found.push(outcome(await one.limit("u")));
  return found;
}

/** A denial is kept by the client until its reset, so the reset must be a time in milliseconds that lies ahead. */
async function blockedLocally() {
  const cache = new Map();
  const one = limiter({ cache });
  const { reset } = await one.limit("u", { cost: 3 });
  const again = await one.limit("u");
  return { kept: cache.size, ahead: reset > Date.now() && reset <= Date.now() + MINUTE, same: again.reset === reset };
}

const overrides = new Overrides({ rootKey: given.root_key, baseUrl: given.base });

async function overriding() {
  const namespace = fresh("ns");
  await limiter({ namespace }).limit("u");
  const made = await overrides.setOverride({ namespace, identifier: "u", limit: 9, duration: MINUTE });
  const found = await overrides.getOverride({ namespace, identifier: "u" });
  const listed = await overrides.listOverrides({ namespace });
  await overrides.deleteOverride({ namespace, identifier: "u" });
  const items = listed.result?.data ?? listed.data;
  return { same: found.data.overrideId === made.data.overrideId, limit: found.data.limit, listed: items.length };
}

await report(
  {
    "counts down": countsDown,
    "blocked locally": blockedLocally,
    "limit per call": async () => outcome(await limiter().limit("u", { limit: { limit: 10, duration: "1m" }, cost: 4 })),
    overrides: overriding,
    "missing override": () => overrides.getOverride({ namespace: given.gone_namespace, identifier: "u" }),
    noop: async () => (await new NoopRatelimit().limit("u")).success,
    schema: () => limiter().limit(""),
    "no such root key": () => limiter({ rootKey: given.unknown_key }).limit("u"),
    "no permission": () => limiter({ rootKey: given.powerless_key }).limit("u"),
    "workspace throttled": () => limiter({ rootKey: given.throttled_key }).limit("u"),
    "namespace deleted": () => limiter({ namespace: given.gone_namespace }).limit("u"),
    "error handler": () => limiter({ rootKey: given.unknown_key, onError: (error) => error.constructor.name }).limit("u"),
    "healed by default retries": async () => (await limiter({ baseUrl: given.healing }).limit("u")).success,
    "silent service falls back": async () => limiter({ baseUrl: given.silent, timeout: { ms: 200, fallback: { fallback: true } } }).limit("u"),
    "wrong address falls back": async () => limiter({ baseUrl: given.nowhere, timeout: { ms: 200, fallback: { fallback: true } } }).limit("u"),
  },
  (error) => ({
    class: error.constructor.name,
    status: error.statusCode ?? null,
    kind: /docs\/errors\/([^"]+)/.exec(error.body ?? "")?.[1].split("/").pop() ?? null,
    message: String(error.message).slice(0, 500),
  }),
);
