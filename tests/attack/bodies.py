"""Bodies: large, slow, deep, compressed, wrong; with a credential and without."""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib

from tests.attack.registry import Target, attack

UNKNOWN = "without a credential that counts"
LARGE = "large bodies"
SHAPES = "shapes of bodies"
SLOW = "slow bodies"
KEYS = "guessed keys"
TEXTS = "long texts"
KEYS_SERVICE = "/unkey.keys.v2.KeysService/"


@attack(UNKNOWN)
async def ten_megabytes_from_a_stranger(target: Target) -> None:
    await target.post("/v2/keys.migrateKeys", b"[" + b"1," * 4_900_000 + b"1]", credential="nobody")


@attack(UNKNOWN)
async def a_migration_from_a_stranger(target: Target) -> None:
    keys = ",".join([f'{{"hash":"{n:064x}"}}' for n in range(60_000)])
    await target.post(
        "/v2/keys.migrateKeys", f'{{"migrationId":"m","apiId":"a","keys":[{keys}]}}'.encode(), credential="x"
    )


@attack(UNKNOWN)
async def metadata_from_a_stranger(target: Target) -> None:
    meta = json.dumps({f"k{n}": n for n in range(300_000)})
    await target.post("/v2/identities.createIdentity", f'{{"externalId":"e","meta":{meta}}}'.encode(), credential="x")


@attack(UNKNOWN)
async def a_large_body_and_no_credential(target: Target) -> None:
    lines = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n"
    await target.say(b"POST /v2/keys.verifyKey HTTP/1.1\r\n" + lines + b" " * 9_000_000)


@attack(LARGE)
async def a_small_body_with_200000_mistakes(target: Target) -> None:
    names = ",".join(['"é"'] * 200_000)
    await target.post("/v2/keys.setPermissions", f'{{"keyId":"abc","permissions":[{names}]}}'.encode())


@attack(LARGE)
async def mistakes_on_Connect(target: Target) -> None:
    keys = ",".join(["{}"] * 30_000)
    await target.post(KEYS_SERVICE + "MigrateKeys", f'{{"migrationId":"m","apiId":"a","keys":[{keys}]}}'.encode())


@attack(LARGE)
async def nine_megabytes_of_metadata(target: Target) -> None:
    meta = json.dumps({f"k{n}": "v" for n in range(500_000)})
    await target.post("/v2/keys.createKey", f'{{"apiId":"{target.api_id}","meta":{meta}}}'.encode())


@attack(LARGE)
async def ten_megabytes_of_escapes(target: Target) -> None:
    await target.post("/v2/apis.createApi", b'{"name":"%b"}' % (b"\\u0041" * 1_740_000))


@attack(LARGE)
async def ten_megabytes_of_escaped_metadata(target: Target) -> None:
    text = b"\\ud83d\\ude00\\n" * 740_000
    await target.post("/v2/keys.createKey", b'{"apiId":"%b","meta":{"a":"%b"}}' % (target.api_id.encode(), text))


@attack(LARGE)
async def more_than_is_allowed(target: Target) -> None:
    await target.post("/v2/keys.createKey", b" " * 12_000_000)


@attack(SHAPES)
async def arrays_in_arrays(target: Target) -> None:
    await target.post("/v2/keys.createKey", b'{"apiId":"a","meta":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}")


@attack(SHAPES)
async def forty_levels_of_metadata(target: Target) -> None:
    for depth in (34, 47, 60, 500):
        meta = b'{"a":' * depth + b"1" + b"}" * depth
        await target.post("/v2/keys.createKey", b'{"apiId":"%s","meta":%s}' % (target.api_id.encode(), meta))


@attack(SHAPES)
async def unknown_members(target: Target) -> None:
    members = ",".join([f'"m{n}":1' for n in range(50_000)])
    await target.post("/v2/keys.verifyKey", f"{{{members}}}".encode())


@attack(SHAPES)
async def numbers_without_end(target: Target) -> None:
    await target.post(KEYS_SERVICE + "CreateKey", b'{"apiId":"a","expires":"' + b"9" * 900_000 + b'"}')
    await target.post(KEYS_SERVICE + "CreateKey", b'{"apiId":"a","meta":{"a":1e400}}')


@attack(SHAPES)
async def halves_of_characters(target: Target) -> None:
    await target.post("/v2/keys.verifyKey", b'{"key":"a","tags":["' + b"\\ud83d" * 20_000 + b'"]}')
    await target.post("/v2/keys.verifyKey", b'{"key":"\xff\xfe\x00"}')


@attack(SHAPES)
async def secrets_in_the_wrong_place(target: Target) -> None:
    await target.post(f"/v2/keys.verifyKey?key={secrets.token_hex(16)}", b"[" + b'{"Key":"s"},' * 5_000 + b"{}]")


@attack(SHAPES)
async def a_gzip_bomb_on_HTTP_JSON(target: Target) -> None:
    await target.post("/v2/keys.createKey", BOMB, "Content-Encoding: gzip")


@attack(SHAPES)
async def a_gzip_bomb_on_Connect(target: Target) -> None:
    await target.post(KEYS_SERVICE + "CreateKey", BOMB, "Content-Encoding: gzip")


@attack(SLOW, at_once=50)
async def half_a_body(target: Target) -> None:
    async with target.http1() as (reader, writer):
        lines = f"Authorization: Bearer {target.root_key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        writer.write(f'POST /v2/apis.getApi HTTP/1.1\r\nHost: x\r\n{lines}\r\n{{"a'.encode())
        while await reader.read(4_096):
            pass


@attack(SLOW, at_once=40)
async def bodies_of_strangers_held_open(target: Target) -> None:
    async with target.http1() as (_, writer):
        head = (
            b"POST /v2/keys.verifyKey HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 9000000\r\n\r\n"
        )
        writer.write(head + b" " * 2_000_000)
        await asyncio.sleep(1.0)


def _verification(bearer: str) -> bytes:
    lines = f"Authorization: Bearer {bearer}\r\nContent-Type: application/json\r\n"
    body = 'Content-Length: 14\r\n\r\n{"key":"nope"}'
    return f"POST /v2/keys.verifyKey HTTP/1.1\r\nHost: x\r\n{lines}{body}".encode()


@attack(KEYS)
async def tokens_guessed(target: Target) -> None:
    async with target.http1() as (reader, writer):
        for _ in range(100):
            writer.write(_verification(f"unkey_{secrets.token_hex(16)}"))
            if not await reader.read(65_536):
                return


@attack(KEYS, at_once=100)
async def tokens_guessed_on_many_connections(target: Target) -> None:
    await tokens_guessed(target)


@attack(KEYS, at_once=100)
async def requests_on_many_connections(target: Target) -> None:
    async with target.http1() as (reader, writer):
        for _ in range(100):
            writer.write(_verification(target.root_key) * 20)
            if not await reader.read(65_536):
                return


@attack(KEYS)
async def keys_guessed(target: Target) -> None:
    await target.post("/v2/keys.verifyKey", b'{"key":"%s"}' % secrets.token_hex(16).encode())


@attack(TEXTS)
async def an_id_of_100_kB(target: Target) -> None:
    await target.post("/v2/keys.updateCredits", b'{"keyId":"%s","operation":"set","value":1}' % (b"secret-" * 15_000))


@attack(TEXTS)
async def ids_that_look_like_tokens(target: Target) -> None:
    for path, name in (("/v2/apis.listKeys", "apiId"), ("/v2/apis.deleteApi", "apiId"), ("/v2/keys.getKey", "keyId")):
        await target.post(path, f'{{"{name}":"{"eyJ" * 20_000}"}}'.encode())


@attack(TEXTS)
async def a_permission_query_of_brackets(target: Target) -> None:
    await target.post("/v2/keys.verifyKey", b'{"key":"a","permissions":"%s"}' % (b"(" * 50_000))


@attack(TEXTS)
async def a_connection_string_in_a_name(target: Target) -> None:
    await target.post("/v2/apis.createApi", b'{"name":"%s"}' % (b"a:b@tcp(" * 10_000))


def _bomb() -> bytes:
    """Return 100 MB of blanks in a hundred kilobytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b" " * 1_000_000) for _ in range(100)]
    return b"".join([*parts, packer.flush()])


BOMB = _bomb()
