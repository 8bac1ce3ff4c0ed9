// Copies the pinned third-party files into this folder and records their hashes:
//   npm ci --ignore-scripts && node vendor.mjs [--check]
// The results are committed, so that neither the tests nor the package nor an offline appliance needs node.
// Work in a copy of static/ (node_modules is not wanted in the checkout). After a change of versions make the lock with
//   npm install --ignore-scripts --omit-lockfile-registry-resolved
import fs from "node:fs";
import { createHash } from "node:crypto";

const check = process.argv.includes("--check");
const read = path => fs.readFileSync("node_modules/" + path);

// file under static/ -> [package, path in the package]
const COPIED = {
  "vendor/htmx.min.js": ["htmx.org", "dist/htmx.min.js"],
  "vendor/inter-latin-wght.woff2": ["@fontsource-variable/inter", "files/inter-latin-wght-normal.woff2"],
  "vendor/LICENSE-htmx.txt": ["htmx.org", "LICENSE"],
  "vendor/LICENSE-inter.txt": ["@fontsource-variable/inter", "LICENSE"],
  "vendor/LICENSE-lucide.txt": ["lucide-static", "LICENSE"],
};

// The symbols of icons.svg; a plugin's menu entry may name any of them.
const ICONS = `
  activity archive bell calendar calendar-clock check chevron-right circle-alert circle-arrow-up circle-check clock cpu
  database download external-link eye file-text folder gauge globe hand hard-drive history inbox info key-round list-checks
  lock log-out mail menu network package pencil play plug plus power puzzle refresh-cw rotate-ccw search server settings
  shield-alert shield-check sun-moon terminal trash-2 triangle-alert user users x`.trim().split(/\s+/);

// One symbol for each state, so that a page writes icon("state-" + state) and needs no table.
const STATES = {
  queued: "hourglass", running: "loader-circle", cancelling: "loader-circle", succeeded: "check", warnings: "triangle-alert",
  failed: "circle-x", timed_out: "timer-off", cancelled: "ban", interrupted: "unplug", missed: "calendar-x",
  skipped: "skip-forward", merged: "merge", ok: "check", warn: "triangle-alert", err: "circle-x", idle: "ban", run: "loader-circle",
};

function symbol(id, name) {
  const drawing = read(`lucide-static/icons/${name}.svg`).toString()
    .replace(/<!--[^]*?-->/g, "").replace(/^\s*<svg[^>]*>|<\/svg>\s*$/g, "").replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>");
  return `<symbol id="${id}" viewBox="0 0 24 24">${drawing}</symbol>`;
}

function sprite() {
  return Buffer.from([
    "<!-- Lucide icons, ISC licence: vendor/LICENSE-lucide.txt. Made by vendor.mjs. -->",
    '<svg xmlns="http://www.w3.org/2000/svg">',
    ...ICONS.map(name => symbol(name, name)),
    ...Object.entries(STATES).map(([state, name]) => symbol("state-" + state, name)),
    "</svg>", "",
  ].join("\n"));
}

const made = { "icons.svg": ["lucide-static", sprite()] };
for (const [file, [pkg, path]] of Object.entries(COPIED)) made[file] = [pkg, read(`${pkg}/${path}`)];

const record = {};
let differing = 0;
fs.mkdirSync("vendor", { recursive: true });
for (const [file, [pkg, bytes]] of Object.entries(made)) {
  const about = JSON.parse(read(`${pkg}/package.json`));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  record[file] = { package: pkg, version: about.version, licence: about.license, sha256, bytes: bytes.length };
  if (!check) fs.writeFileSync(file, bytes);
  else if (!fs.existsSync(file) || !fs.readFileSync(file).equals(bytes)) {
    console.log("differs:", file);
    differing += 1;
  }
}
const text = JSON.stringify(record, null, 1) + "\n";
if (!check) fs.writeFileSync("vendor/VENDOR.json", text);
else if (fs.readFileSync("vendor/VENDOR.json", "utf8") !== text) {
  console.log("differs: vendor/VENDOR.json");
  differing += 1;
}
console.log(differing ? `${differing} files differ` : `${Object.keys(made).length} files ${check ? "agree" : "written"}`);
process.exit(differing ? 1 : 0);
