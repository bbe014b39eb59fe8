//! Files and directories the way a ledger creates them: accessible to their owner alone, since they contain
//! titles, reasons and names of people; and, when replaced, either whole or not at all. Also settings files, as
//! people write them; [`disk`], the seam at which tests make a disk fail; [`copies`], which tests put back; and
//! [`filter`], which sorted files of keys share.

pub mod copies;
pub mod crash;
pub mod disk;
pub mod fault;
pub mod filter;
mod named;
mod secret;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

pub use named::explained;
pub use secret::too_open;

/// Opens files that, if they are created, are accessible to their owner alone (mode 0600). Existing files
/// keep their mode.
#[must_use]
pub fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Creates a directory and any missing parents, accessible to their owner alone (mode 0700). Existing ones
/// keep their mode.
///
/// # Errors
///
/// The operating system's error.
pub fn make_private_dirs(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Asks the system to begin reading a part of a file that will be read soon, so that reads of several parts take as
/// long as one. Returns at once, and is only a hint: what is wrong with the file is told by whoever reads it.
pub fn will_read(file: &File, offset: u64, length: NonZero<u64>) {
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(file, offset, Some(length), rustix::fs::Advice::WillNeed).unwrap_or_default();
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, length);
}

/// The largest settings file, in bytes: the largest price books have a tenth of that.
pub const MAX_SETTINGS_BYTES: u64 = 16 << 20;

/// Reads a settings file as text. It may be a pipe, such as shells create for `<(command)`; an endless file,
/// such as `/dev/zero`, is not read forever.
///
/// # Errors
///
/// The operating system's error, [`explained`]; also if the file is longer than [`MAX_SETTINGS_BYTES`], or is not UTF-8
/// text.
pub fn read_settings(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SETTINGS_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| explained(path, error))?;
    if bytes.len() as u64 > MAX_SETTINGS_BYTES {
        let rule =
            format!("it has more than {MAX_SETTINGS_BYTES} bytes, more than any file of settings may have");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, rule));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let hint = if utf_16 { ", it seems to be UTF-16" } else { "" };
        let rule = format!("it is not text in UTF-8: see byte {at}{hint}; save it as UTF-8");
        io::Error::new(io::ErrorKind::InvalidData, rule)
    })
}

/// Makes the names in a directory durable.
///
/// # Errors
///
/// The operating system's error.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Writes a small file so that after a crash it is there whole, either old or new. An interrupted write
/// leaves a file next to it, with the extension `tmp`, until the next time.
///
/// # Errors
///
/// The operating system's error; the old file is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let mut file = private_file().write(true).create(true).truncate(true).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    // The parent of a bare name is empty: the working directory.
    let dir = path.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    dir.map_or(Ok(()), sync_dir)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_owners_alone_and_what_exists_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (above, below) = (dir.path().join("a"), dir.path().join("a/b"));
        make_private_dirs(&below).unwrap();
        assert_eq!((mode(&above), mode(&below)), (0o700, 0o700));
        std::fs::set_permissions(&above, std::fs::Permissions::from_mode(0o755)).unwrap();
        make_private_dirs(&below).unwrap();
        assert_eq!(mode(&above), 0o755);

        let path = below.join("file");
        private_file().write(true).create(true).truncate(true).open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn settings_are_text_of_a_bounded_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.yaml");
        for (bytes, says) in [
            (&b"a: 1\n"[..], Ok("a: 1\n")),
            (b"", Ok("")),
            (b"a: \xff\n", Err("it is not text in UTF-8: see byte 3; save it as UTF-8")),
            (b"\xff\xfea\0", Err("see byte 0, it seems to be UTF-16")),
        ] {
            std::fs::write(&path, bytes).unwrap();
            match (read_settings(&path), says) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, _) => panic!("{bytes:?}: {found:?}"),
            }
        }
        // As long as allowed, and one byte longer: the length of a file need not be known in advance.
        let file = File::create(&path).unwrap();
        file.set_len(MAX_SETTINGS_BYTES).unwrap();
        assert_eq!(read_settings(&path).unwrap().len() as u64, MAX_SETTINGS_BYTES);
        file.set_len(MAX_SETTINGS_BYTES + 1).unwrap();
        let endless = Path::new("/dev/zero");
        for path in [&path, endless] {
            let error = read_settings(path).unwrap_err().to_string();
            assert!(error.contains("more than 16777216 bytes"), "{error}");
        }
        assert_eq!(read_settings(&dir.path().join("y")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.json");
        for bytes in [&b"the first and longer one"[..], b"the second"] {
            replace(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        }
        // If the temporary file cannot be written, the existing file stays.
        std::fs::create_dir(dir.path().join("file.tmp")).unwrap();
        assert!(replace(&path, b"the third").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"the second");
    }
}
