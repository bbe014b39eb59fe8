//! What is done with the directory of a store that is not open.

use std::io;
use std::path::{Path, PathBuf};

use tollgate_clock::sleep_blocking;

/// How often removing a directory is retried while sled still releases it, and after how long.
const REMOVE_TRIES: usize = 100;
const REMOVE_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Renames a directory to the first free `{dir}.damaged-{n}`, and returns that path.
pub(crate) fn set_aside(dir: &Path) -> io::Result<PathBuf> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut number: u32 = 1;
    loop {
        let aside = dir.with_file_name(format!("{name}.damaged-{number}"));
        if !aside.exists() {
            std::fs::rename(dir, &aside)?;
            return Ok(aside);
        }
        number += 1;
    }
}

/// Removes a directory of sled, which may still be releasing it.
pub(crate) fn remove_dir(dir: &Path) -> io::Result<()> {
    let mut tries = REMOVE_TRIES;
    loop {
        match std::fs::remove_dir_all(dir) {
            // sled releases a store on a thread of its own, which may write one last file meanwhile.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries > 0 => {
                tries -= 1;
                sleep_blocking(REMOVE_PAUSE);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => return Ok(()),
        }
    }
}
