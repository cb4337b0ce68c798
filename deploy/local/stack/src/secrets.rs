//! Passwords and keys of the local stack: made at random at first start, kept in a file only we can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fs2::FileExt as _;
use rand::TryRngCore;
use rand::rngs::OsRng;

/// Named secrets.
#[derive(Debug, Clone)]
pub struct Secrets(BTreeMap<String, String>);

const NAMES: [&str; 6] = [
    "POSTGRES_SUPERUSER",
    "POSTGRES_ROLES",
    "OPERATOR_KEY",
    "TOKEN_KEY",
    "SALLA_CLIENT_SECRET",
    "SALLA_WEBHOOK_SECRET",
];

impl Secrets {
    /// Reads the file, adding what it lacks. Several may do so at once: whoever reads sees the old file or the new one, whole, and
    /// one alone makes secrets.
    pub fn load(file: &Path) -> Result<Self> {
        let known = read(file);
        if NAMES.iter().all(|name| known.contains_key(*name)) {
            return Ok(Self(known));
        }
        let dir = file.parent().context("the file of secrets lies in a folder")?;
        fs::create_dir_all(dir)?;
        let alone = fs::File::create(file.with_extension("lock"))?;
        alone.lock_exclusive()?;
        let mut secrets = read(file);
        for name in NAMES {
            if !secrets.contains_key(name) {
                secrets.insert(name.to_owned(), random()?);
            }
        }
        let fresh = file.with_extension("new");
        let mut out =
            fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
        for (name, value) in &secrets {
            writeln!(out, "{name}={value}")?;
        }
        out.sync_all()?;
        fs::rename(&fresh, file)?;
        Ok(Self(secrets))
    }

    /// One secret: hex text of 256 random bits.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// One secret as base64 of 32 bytes.
    pub fn base64(&self, name: &str) -> Result<String> {
        Ok(STANDARD.encode(hex::decode(self.get(name)).with_context(|| format!("secret {name} is damaged"))?))
    }
}

fn read(file: &Path) -> BTreeMap<String, String> {
    fs::read_to_string(file)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn random() -> Result<String> {
    let mut bytes = [0_u8; 32];
    OsRng.try_fill_bytes(&mut bytes).context("the operating system gives no random bytes")?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_loads_at_the_same_time_gets_the_same_secrets() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("inner").join("secrets.env");
        let loaded: Vec<String> = std::thread::scope(|scope| {
            let loading: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| Secrets::load(&file).expect("secrets").get("TOKEN_KEY").to_owned()))
                .collect();
            loading.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(loaded.iter().all(|secret| !secret.is_empty() && *secret == loaded[0]), "{loaded:?}");
    }
}
