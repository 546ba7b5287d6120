#!/usr/bin/env node
"use strict";
// Runs the posts-api binary. It is in a package per platform, which npm installs as an optional dependency of this one.

const { accessSync, constants, existsSync } = require("node:fs");
const { basename, join } = require("node:path");
const { optionalDependencies, version } = require("../package.json");

const platform = `${process.platform}-${process.arch}`;
const packageName = `@posts-api/cli-${platform}`;

const ALTERNATIVES = `Use one of these instead:
  - Docker: run "docker build -t posts-api ." in the source tree, and then
    "docker run -p 127.0.0.1:8080:8080 -v posts:/data posts-api"
  - cargo: run "cargo build --release" in the source tree; needs Rust, a C compiler, make, and perl`;

function main() {
  if (!(packageName in optionalDependencies)) fail(unsupportedPlatform());
  const libc = cLibrary();
  if (libc === "musl") fail(`there is no binary for ${platform} with musl, only with glibc`, ALTERNATIVES);
  const { directory, glibc } = platformPackage();
  if (glibc && isOlder(libc, glibc)) {
    fail(`the binary needs glibc ${glibc} or newer, but this system has glibc ${libc}`, ALTERNATIVES);
  }
  const binary = join(directory, "bin", "posts-api");
  try {
    accessSync(binary, constants.X_OK);
  } catch (error) {
    // npm considers a package with a file that lacks the permission as up to date, and does not install it again.
    const hint = error.code === "EACCES" ? `Make it executable with: chmod +x '${binary}'` : reinstall();
    fail(`the binary cannot be executed: ${error.message}`, hint);
  }
  run(binary, process.argv.slice(2));
}

function unsupportedPlatform() {
  const supported = Object.keys(optionalDependencies).map((name) => name.replace("@posts-api/cli-", ""));
  const hint = process.platform === "win32" ? "\n  - WSL: install Node.js in it, and run the same command there" : "";
  return [`there is no binary for ${platform}, only for ${supported.join(", ")}`, ALTERNATIVES + hint];
}

// The version of glibc, "musl", or undefined on systems other than Linux.
function cLibrary() {
  if (process.platform !== "linux") return undefined;
  // Takes a second or more if a network interface has no DNS.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime ?? "musl";
}

function isOlder(version, minimum) {
  const [major, minor] = version.split(".").map(Number);
  const [minimumMajor, minimumMinor] = minimum.split(".").map(Number);
  return major < minimumMajor || (major === minimumMajor && minor < minimumMinor);
}

function platformPackage() {
  try {
    const manifest = require.resolve(`${packageName}/package.json`);
    return { directory: join(manifest, ".."), glibc: require(manifest).glibc };
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    return fail(
      `the package ${packageName} is not installed`,
      `It is an optional dependency. Options such as "--omit=optional" exclude it, and so does copying node_modules from
another platform.\n${reinstall()}`,
    );
  }
}

// Names the platform's package as a direct dependency, which no option excludes.
function reinstall() {
  const name = `${packageName}@${version}`;
  const manager = /^(pnpm|yarn|bun)\//.exec(process.env.npm_config_user_agent ?? "")?.[1];
  let command = manager ? `${manager} add ${name}` : `npm install${isGlobal() ? " --global" : ""} ${name}`;
  if (/[\\/]_npx[\\/]/.test(__dirname)) command = `npx --package=posts-api@${version} --package=${name} posts-api`;
  return `Install it with: ${command}`;
}

// npm installs global packages in PREFIX/lib/node_modules, without a package.json in PREFIX/lib.
function isGlobal() {
  const parent = join(__dirname, "..", "..", "..");
  return basename(parent) === "lib" && !existsSync(join(parent, "package.json"));
}

function run(binary, args) {
  const isNpx = process.env.npm_command === "exec";
  if (process.execve && !isNpx) {
    // Replaces this process, so that the binary receives each signal once and its exit status is passed on.
    process.execve(binary, [binary, ...args], process.env);
  }
  runAsChild(binary, args, isNpx);
}

// For npx, for Node.js before 22.15, and for other runtimes. A signal to the process group, such as Ctrl-C, reaches the
// binary twice: directly, and from here. The service ignores the second SIGINT.
function runAsChild(binary, args, isNpx) {
  const signals = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"];
  // Before the start: a signal without a handler would end this process, and leave the binary running.
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  const child = require("node:child_process").spawn(binary, args, { stdio: "inherit" });
  child.on("error", (error) => fail(`the binary cannot be executed: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (!signal) process.exit(code);
    // Ends in the same way as the binary.
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
  if (isNpx) stopWithParent(child);
}

// On SIGTERM, npx ends the shell that has started this process, but does not pass the signal on.
function stopWithParent(child) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill("SIGTERM");
  }, 200);
}

function fail(...lines) {
  console.error(`posts-api: ${lines.flat().join("\n")}`);
  process.exit(1);
}

main();
