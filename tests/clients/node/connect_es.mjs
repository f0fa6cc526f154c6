// connect-es with code generated from proto/, over every protocol it speaks.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

import { ApisService } from "./gen/unkey/apis/v2/apis_pb.js";
import { ErrorDetailSchema } from "./gen/unkey/common/v1/error_detail_pb.js";
import { KeysService } from "./gen/unkey/keys/v2/keys_pb.js";
import { RatelimitService } from "./gen/unkey/ratelimit/v2/ratelimit_pb.js";
import { given, report } from "./report.mjs";

const credential = (rootKey) => (next) => (request) => {
  if (rootKey) request.header.set("authorization", `Bearer ${rootKey}`);
  return next(request);
};

const transports = {
  "connect-json-http1": (o) => createConnectTransport({ httpVersion: "1.1", useBinaryFormat: false, ...o }),
  "connect-proto-http1": (o) => createConnectTransport({ httpVersion: "1.1", useBinaryFormat: true, ...o }),
  "connect-json-http2": (o) => createConnectTransport({ httpVersion: "2", useBinaryFormat: false, ...o }),
  "connect-proto-http2": (o) => createConnectTransport({ httpVersion: "2", useBinaryFormat: true, ...o }),
  "grpc-http2": (o) => createGrpcTransport(o),
  "grpcweb-json-http1": (o) => createGrpcWebTransport({ httpVersion: "1.1", useBinaryFormat: false, ...o }),
  "grpcweb-proto-http2": (o) => createGrpcWebTransport({ httpVersion: "2", useBinaryFormat: true, ...o }),
};

function scenariosOf(name, make) {
  const own = name.endsWith("http2") ? given.http2 : given.base;
  const at = (service, rootKey = given.root_key, baseUrl = own) =>
    createClient(service, make({ baseUrl, interceptors: [credential(rootKey)], defaultTimeoutMs: 20_000 }));
  const apis = at(ApisService);
  return {
    success: async () => {
      const { apiId } = await apis.createApi({ name: "connect-es" });
      const keys = at(KeysService);
      const made = await keys.createKey({ apiId, name: "ünïcode", expires: 4_070_908_800_000n, meta: { plan: "pro" } });
      const answer = await keys.verifyKey({ key: made.key });
      return { valid: answer.valid, code: answer.code, same: answer.keyId === made.keyId, name: answer.name, expires: answer.expires, meta: answer.meta };
    },
    limit: async () => (await at(RatelimitService).limit({ namespace: "es", identifier: name, limit: 2n, duration: 60_000n })).remaining,
    schema: () => apis.createApi({ name: "n".repeat(257) }),
    "no credential": () => at(ApisService, "").createApi({ name: "name" }),
    "no such root key": () => at(ApisService, given.unknown_key).createApi({ name: "name" }),
    "no permission": () => at(ApisService, given.powerless_key).createApi({ name: "name" }),
    "workspace throttled": () => at(ApisService, given.throttled_key).createApi({ name: "name" }),
    "unknown api": () => apis.getApi({ apiId: "api_nothing" }),
    "namespace deleted": () => at(RatelimitService).limit({ namespace: given.gone_namespace, identifier: "u", limit: 1n, duration: 60_000n }),
    "api protected": () => apis.deleteApi({ apiId: given.protected_api }),
    "silent service": () => at(ApisService, given.root_key, `http://${given.black_hole}`).createApi({ name: "name" }, { timeoutMs: 200 }),
    "wrong address": () => at(ApisService, given.root_key, given.nowhere).createApi({ name: "name" }),
  };
}

const retrying = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    if (ConnectError.from(error).code !== Code.Unavailable) throw error;
    return next(request);
  }
};

function apisAt(baseUrl, interceptors) {
  const options = { httpVersion: "1.1", baseUrl, interceptors: [credential(given.root_key), ...interceptors] };
  return createClient(ApisService, createConnectTransport(options));
}

const scenarios = {
  unavailable: () => apisAt(given.unavailable, []).createApi({ name: "name" }),
  "healed by a retry": async () => Boolean((await apisAt(given.healing, [retrying]).createApi({ name: "healed" })).apiId),
};
for (const [name, make] of Object.entries(transports))
  for (const [scenario, run] of Object.entries(scenariosOf(name, make))) scenarios[`${name} ${scenario}`] = run;

await report(scenarios, (error) => {
  const [detail] = error instanceof ConnectError ? error.findDetails(ErrorDetailSchema) : [];
  return {
    class: error.constructor.name,
    code: Code[error.code] ?? null,
    status: detail?.status ?? null,
    kind: detail?.urn.split(":").pop() ?? null,
    locations: detail?.violations.map((one) => one.location) ?? null,
    message: String(error.message).slice(0, 500),
  };
});
