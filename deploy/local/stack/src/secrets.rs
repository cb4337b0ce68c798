//! Passwords and keys of the local stack: made at random at first start, kept in a file only we can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
    /// Reads the file, adding what it lacks.
    pub fn load(file: &Path) -> Result<Self> {
        let mut secrets: BTreeMap<String, String> = fs::read_to_string(file)
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for name in NAMES {
            if !secrets.contains_key(name) {
                secrets.insert(name.to_owned(), random()?);
            }
        }
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut out =
            fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(file)?;
        for (name, value) in &secrets {
            writeln!(out, "{name}={value}")?;
        }
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

fn random() -> Result<String> {
    let mut bytes = [0_u8; 32];
    OsRng.try_fill_bytes(&mut bytes).context("the operating system gives no random bytes")?;
    Ok(hex::encode(bytes))
}
