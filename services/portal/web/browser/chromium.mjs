// Which Chromium the tests drive: the one that LARSTROM_CHROMIUM names, else
// the pinned package's. npm has checked the package against the lock; what is
// unpacked from it lies in a folder of ours, is checked before every use, and
// nothing in a shared temporary folder is ever run.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, createBrotliDecompress } from "node:zlib";

const version = "147.0.0";
const sha256 = "bf7d8699042e0e1768ee136c19cf666371f74a39c8b6cfb246d15b3aa18c30ce";
const packed = fileURLToPath(new URL("../node_modules/@sparticuz/chromium/", import.meta.url));

/**
 * @typedef {{executable: string, env: Record<string, string>}} Browser
 *   env is the whole environment of its process.
 */

/**
 * A Chromium that has been started once.
 * @returns {Promise<Browser>}
 */
export async function findChromium() {
  const own = process.env.LARSTROM_CHROMIUM;
  if (own) {
    const browser = { executable: own, env: environment({}) };
    const failure = start(browser);
    if (failure) throw new Error(`LARSTROM_CHROMIUM=${own} does not start: ${failure}`);
    return browser;
  }
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(`there is no pinned Chromium for ${process.platform}/${process.arch} (there is for linux/x64); ` +
      "install Chromium and name its executable in LARSTROM_CHROMIUM");
  }
  if (!existsSync(join(packed, "package.json"))) {
    throw new Error("the npm packages of services/portal/web are not installed: run `make web`");
  }
  const installed = JSON.parse(readFileSync(join(packed, "package.json"), "utf8")).version;
  if (installed !== version) {
    throw new Error(`@sparticuz/chromium ${installed} is installed, ${version} is pinned in browser/chromium.mjs: run \`make web\`, or pin the other with its hash`);
  }
  const cache = cacheFolder();
  await mkdir(cache, { recursive: true });
  return unpack(join(cache, `chromium-${version}`));
}

/** The folder that the engine's library lies in too: see engine.CacheDir. */
function cacheFolder() {
  return process.env.LARSTROM_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "larstrom");
}

/** @param {string} folder @returns {Promise<Browser>} */
async function unpack(folder) {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const executable = join(folder, "chromium");
  if (!existsSync(executable) || (await hash(executable)) !== sha256) {
    // Whole or not at all: two that unpack at once both leave the same file.
    const temporary = await mkdtemp(join(folder, "unpack-"));
    try {
      const file = join(temporary, "chromium");
      await pipeline(createReadStream(join(packed, "bin", "chromium.br")), createBrotliDecompress(), createWriteStream(file, { mode: 0o700 }));
      const got = await hash(file);
      if (got !== sha256) throw new Error(`the Chromium of the package has the SHA-256 ${got}, want ${sha256}; nothing was run`);
      await rename(file, executable);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  // Its own fonts, so that widths do not depend on what a machine has; those
  // of the system for signs that they lack.
  const fonts = await untar("fonts.tar.br", folder, "fonts");
  const fontconfig = join(fonts, "larstrom.conf");
  await write(fontconfig, `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<dir>${fonts}</dir>
<cachedir>${join(folder, "fontconfig")}</cachedir>
<alias binding="strong"><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
<alias binding="strong"><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
</fontconfig>
`);
  const browser = { executable, env: environment({ FONTCONFIG_FILE: fontconfig }) };
  const failure = start(browser);
  if (!failure) return browser;
  // A machine without NSS: the package brings one.
  browser.env.LD_LIBRARY_PATH = join(await untar("al2023.tar.br", folder, "system"), "lib");
  const again = start(browser);
  if (again) throw new Error(`${executable} does not start: ${again}; install Chromium and name its executable in LARSTROM_CHROMIUM`);
  return browser;
}

/**
 * Unpacks a small archive of the package, whole or not at all, and says where.
 * @param {string} archive @param {string} folder @param {string} name
 */
async function untar(archive, folder, name) {
  const target = join(folder, name);
  if (existsSync(target)) return target;
  const temporary = await mkdtemp(join(folder, "unpack-"));
  const out = spawnSync("tar", ["-x", "-f", "-", "-C", temporary], { input: brotliDecompressSync(readFileSync(join(packed, "bin", archive))) });
  if (out.status !== 0) throw new Error(`unpack ${archive}: ${out.error ?? out.stderr}`);
  try {
    await rename(temporary, target);
  } catch (e) {
    if (!existsSync(target)) throw e; // else another one was first
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

/** Writes a file whole or not at all. @param {string} file @param {string} text */
async function write(file, text) {
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, text);
  await rename(temporary, file);
}

/** @param {string} file */
async function hash(file) {
  const h = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), h);
  return h.digest("hex");
}

/** Why it does not start, or nothing. @param {Browser} browser */
function start(browser) {
  const out = spawnSync(browser.executable, ["--version"], { env: browser.env, encoding: "utf8", timeout: 20_000 });
  return out.status === 0 ? "" : String(out.error?.message || out.stderr || `status ${out.status}`).trim();
}

/** What a browser may know of this process. @param {Record<string, string>} more */
function environment(more) {
  const env = { ...more };
  for (const name of ["PATH", "HOME", "TMPDIR", "LANG"]) {
    const value = process.env[name];
    if (value) env[name] = value;
  }
  // Civil dates are shown as they are, in whatever zone.
  env.TZ = "Pacific/Kiritimati";
  return env;
}
