// Fails when the JavaScript of a first visit outgrows its budget. Run after `vite build`.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET = 200_000;
const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8"));

/** The entry and everything that it imports at once; what is loaded lazily is not counted. */
function firstLoad(name, seen = new Set()) {
  const chunk = manifest[name];
  if (chunk && !seen.has(chunk.file)) {
    seen.add(chunk.file);
    for (const imported of chunk.imports ?? []) firstLoad(imported, seen);
  }
  return seen;
}

const size = [...firstLoad("index.html"), "theme.js"]
  .map((file) => gzipSync(readFileSync(join(dist, file))).length)
  .reduce((sum, one) => sum + one, 0);
console.log(
  `first load: ${(size / 1000).toFixed(1)} kB of JavaScript, gzip (budget ${BUDGET / 1000} kB)`,
);
if (size > BUDGET) {
  console.error("The first load is over its budget: load something lazily, or leave it out.");
  process.exit(1);
}
