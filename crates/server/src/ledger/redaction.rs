//! The key of pseudonyms: made when it is first needed, kept in a file that only its owner reads.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use tollgate_files::private_file;
use tollgate_projection::report::Pseudonyms;

use super::Ledger;
use crate::problem::{Answer, REFUSED};

/// The pseudonyms of the key in a file; made where there is none.
fn pseudonyms(path: &Path) -> io::Result<Pseudonyms> {
    match File::open(path) {
        Ok(file) => read(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            File::open("/dev/urandom")?.read_exact(&mut key)?;
            // Written beside and then linked: who comes second takes what the first one made, whole.
            let beside = path.with_extension(format!("new-{}", uuid::Uuid::now_v7().simple()));
            let mut file = private_file().write(true).create_new(true).open(&beside)?;
            file.write_all(&key)?;
            file.sync_all()?;
            let linked = std::fs::hard_link(&beside, path);
            std::fs::remove_file(&beside)?;
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                Ok(()) | Err(_) => read(File::open(path)?),
            }
        }
        Err(error) => Err(error),
    }
}

fn read(mut file: File) -> io::Result<Pseudonyms> {
    let mut key = [0; 32];
    file.read_exact(&mut key)?;
    Ok(Pseudonyms::new(key))
}

impl Ledger {
    /// The pseudonyms of this ledger.
    ///
    /// # Errors
    ///
    /// The problem to answer with, where there is no key and none can be made: names are never shown instead.
    pub(super) fn pseudonyms(&self) -> Answer<Pseudonyms> {
        let Some(path) = &self.redaction_key else {
            return Err(REFUSED.with(
                "redact: this process has no key for pseudonyms; start it with --redaction-key FILE, the same file wherever \
                 they are to be the same",
            ));
        };
        pseudonyms(path).map_err(|error| {
            let path = path.display();
            REFUSED.with(format!(
                "redact: the key of pseudonyms {path}: {error}; make the file readable for the server"
            ))
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
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing stays beside it");
        std::fs::write(&path, "short").unwrap();
        assert!(pseudonyms(&path).is_err());
        let other = pseudonyms(&dir.path().join("other.key")).unwrap();
        assert_ne!(other.of("task", "T-1"), first);
    }
}
