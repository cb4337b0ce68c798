//! Where things are: folders, ports, and servers that the environment names instead.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, geteuid};
use sha2::{Digest, Sha256};

/// The user that Postgres runs as when we are root, which it refuses to run as.
pub const NOBODY: u32 = 65534;

/// Folders and ports of one local stack.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The repository.
    pub root: PathBuf,
    /// Data, logs and pid files; git-ignored.
    pub local: PathBuf,
    /// Downloads, shared by all checkouts of this user.
    pub cache: PathBuf,
    /// Folder with our own server binaries.
    pub binaries: PathBuf,
    /// Ports.
    pub ports: Ports,
}

/// One port each; `QAFILA_LOCAL_<NAME>_PORT` changes it.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is the port of the server it names")]
pub struct Ports {
    pub postgres: u16,
    pub kafka: u16,
    pub kafka_controller: u16,
    pub registry: u16,
    pub registry_management: u16,
    pub clickhouse: u16,
    pub salla: u16,
    pub mail: u16,
    pub gateway: u16,
}

impl Layout {
    /// Finds the repository from the working folder upwards; our servers beside this program.
    pub fn find() -> Result<Self> {
        let (here, exe) = (env::current_dir()?, env::current_exe()?);
        // Called from elsewhere, the program still knows where it was built.
        let root = here
            .ancestors()
            .chain(exe.ancestors())
            .find(|dir| dir.join("deploy/local/stack").is_dir())
            .context("run this inside the Qafila repository")?
            .to_path_buf();
        // A test binary lives in target/<profile>/deps.
        let binaries = exe
            .ancestors()
            .skip(1)
            .find(|dir| !dir.ends_with("deps"))
            .context("the folder of this program")?
            .to_path_buf();
        let local = env::var_os("QAFILA_LOCAL_DIR").map_or_else(|| root.join(".local"), PathBuf::from);
        Ok(Self { cache: cache_folder()?, root, local, binaries, ports: Ports::from_env()? })
    }

    /// Folder for the data of one server; made when missing.
    pub fn data(&self, server: &str) -> Result<PathBuf> {
        let dir = self.local.join(server);
        std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(dir)
    }

    /// Folder for Postgres. When we are root it must lie where another user can reach it, so it may be a
    /// link out of a private home folder.
    pub fn postgres_data(&self) -> Result<PathBuf> {
        let dir = self.local.join("postgres");
        if !geteuid().is_root() || reachable_by_others(&self.local) {
            return self.data("postgres");
        }
        if dir.read_link().is_err() {
            std::fs::create_dir_all(&self.local)?;
            let name = hex::encode(&Sha256::digest(self.local.as_os_str().as_encoded_bytes())[..6]);
            let outside = Path::new("/var/lib/qafila-local").join(name);
            std::fs::create_dir_all(&outside)?;
            std::os::unix::fs::symlink(&outside, &dir)?;
        }
        Ok(dir.canonicalize()?)
    }
}

fn cache_folder() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("QAFILA_CACHE") {
        return Ok(PathBuf::from(dir));
    }
    if geteuid() == Uid::from_raw(0) {
        // Postgres runs as another user and must be able to read its binaries.
        return Ok(PathBuf::from("/var/cache/qafila"));
    }
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))
        .context("HOME is not set; say where downloads go with QAFILA_CACHE=/some/folder")?;
    Ok(base.join("qafila"))
}

fn reachable_by_others(dir: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    dir.ancestors()
        .filter(|a| a.exists())
        .all(|a| a.metadata().is_ok_and(|m| m.permissions().mode() & 0o001 != 0))
}

impl Ports {
    fn from_env() -> Result<Self> {
        Ok(Self {
            postgres: port("POSTGRES", 15432)?,
            kafka: port("KAFKA", 19092)?,
            kafka_controller: port("KAFKA_CONTROLLER", 19093)?,
            registry: port("REGISTRY", 18081)?,
            registry_management: port("REGISTRY_MANAGEMENT", 18082)?,
            clickhouse: port("CLICKHOUSE", 18123)?,
            salla: port("SALLA", 18090)?,
            mail: port("MAIL", 11025)?,
            gateway: port("GATEWAY", 18080)?,
        })
    }
}

fn port(name: &str, default: u16) -> Result<u16> {
    let variable = format!("QAFILA_LOCAL_{name}_PORT");
    match env::var(&variable) {
        Err(_) => Ok(default),
        Ok(text) => match text.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => bail!("{variable} must be a port, 1 to 65535, not {text:?}"),
        },
    }
}
