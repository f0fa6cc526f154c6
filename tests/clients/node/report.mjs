// Reads the input, runs scenarios one after the other, prints what each found or the error it met.
import { readFileSync } from "node:fs";

export const given = JSON.parse(readFileSync(0, "utf8"));
export const MINUTE = 60_000;
let counter = 0;

/** A name nothing else has. */
export function fresh(kind) {
  return `${kind}_${process.pid}_${Date.now()}_${counter++}`;
}

/** Scenarios by name; `describe` turns an error into plain data. */
export async function report(scenarios, describe) {
  const found = {};
  for (const [name, scenario] of Object.entries(scenarios)) {
    try {
      found[name] = { value: (await scenario()) ?? null };
    } catch (error) {
      found[name] = { error: describe(error) };
    }
  }
  process.stdout.write(JSON.stringify(found, (_, v) => (typeof v === "bigint" ? Number(v) : v)), () => process.exit(0));
}
