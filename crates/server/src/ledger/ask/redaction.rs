//! The pseudonym key: created when first needed, and kept in a file that only its owner can read.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tollgate_files::private_file;
use tollgate_projection::report::Pseudonyms;

use super::Queries;
use crate::problem::{Answer, REFUSED};

/// The pseudonyms from the key in a file, which is created if missing. Next to it is a hash of the key: a key
/// that was damaged, lost or replaced would silently give everyone different names.
fn pseudonyms(path: &Path) -> io::Result<Pseudonyms> {
    let check = beside(path, "check");
    let key = match File::open(path) {
        Ok(file) => read(file, path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound && check.exists() => {
            let check = check.display();
            return Err(io::Error::other(format!(
                "is gone, but pseudonyms were made with it: restore it, or delete {check} to start with new pseudonyms"
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            File::open("/dev/urandom")?.read_exact(&mut key)?;
            make(path, &key)?;
            read(File::open(path)?, path)?
        }
        Err(error) => return Err(error),
    };
    let hash = blake3::hash(&key).to_hex();
    make(&check, hash.as_bytes())?;
    if std::fs::read(&check)? != hash.as_bytes() {
        let check = check.display();
        return Err(io::Error::other(format!(
            "is not the key that pseudonyms were made with: restore that key, or delete {check} to continue with this one"
        )));
    }
    Ok(Pseudonyms::new(key))
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{what}"));
    name.into()
}

/// Writes a file unless it exists. It is written under a temporary name and then linked: a second writer
/// gets what the first one wrote, complete.
fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let new = beside(path, &format!("new-{}", uuid::Uuid::now_v7().simple()));
    let mut file = private_file().write(true).create_new(true).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&new, path);
    std::fs::remove_file(&new)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn read(mut file: File, path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    let bytes = key.len();
    let cut_off = || {
        let check = beside(path, "check");
        io::Error::other(format!(
            "is truncated; a key is {bytes} bytes: restore the whole key, or delete both it and {} to start with new pseudonyms",
            check.display()
        ))
    };
    match file.read_exact(&mut key) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(cut_off()),
        read => read.map(|()| key),
    }
}

impl Queries {
    /// The pseudonyms of this ledger.
    ///
    /// # Errors
    ///
    /// The problem to answer with if there is no key and none can be made: names are never shown instead.
    pub(in crate::ledger) fn pseudonyms(&self) -> Answer<Pseudonyms> {
        let Some(path) = &self.redaction_key else {
            return Err(REFUSED.with(
                "redact: this process has no pseudonym key; start it with --redaction-key FILE, with the same file wherever the \
                 pseudonyms must be the same",
            ));
        };
        pseudonyms(path).map_err(|error| {
            let path = path.display();
            REFUSED.with(format!("redact: the pseudonym key {path}: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("redaction.key");
        let first = pseudonyms(&path).unwrap().of("task", "T-1");
        assert_eq!(pseudonyms(&path).unwrap().of("task", "T-1"), first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "the key and its hash");
        let whole = std::fs::read(&path).unwrap();
        for damaged in [
            {
                let mut flipped = whole.clone();
                flipped[7] ^= 1;
                flipped
            },
            vec![0; 32],
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert!(pseudonyms(&path).is_err_and(|error| error.to_string().contains("is not the key")));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(
            pseudonyms(&path).is_err_and(|error| error.to_string().contains("is gone")) && !path.exists()
        );
        std::fs::write(&path, whole).unwrap();
        assert_eq!(pseudonyms(&path).unwrap().of("task", "T-1"), first);
        for short in ["short", ""] {
            std::fs::write(&path, short).unwrap();
            assert!(
                pseudonyms(&path)
                    .is_err_and(|error| error.to_string().starts_with("is truncated; a key is 32"))
            );
        }
        let other = pseudonyms(&dir.path().join("other.key")).unwrap();
        assert_ne!(other.of("task", "T-1"), first);
    }
}
