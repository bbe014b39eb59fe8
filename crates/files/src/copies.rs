//! Copies of directories, as people put them back, and files that are harmed: what tests of stores begin with.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::crash::Chance;

/// Copies a directory with all below it. A file that is removed meanwhile is left out.
///
/// # Errors
///
/// The operating system's error.
pub fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            unless_gone(std::fs::copy(entry.path(), target).map(drop))?;
        }
    }
    Ok(())
}

/// The files in a directory and below it, in order; none if there is no such directory.
///
/// # Errors
///
/// The operating system's error.
pub fn files_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if dir.is_dir() {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.extend(files_in(&entry.path())?);
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Removes a file, cuts it short, or changes one bit of it.
///
/// # Errors
///
/// The operating system's error.
pub fn harm(path: &Path, chance: &mut impl Chance) -> io::Result<()> {
    let mut bytes = std::fs::read(path)?;
    let length = bytes.len() as u64;
    match chance.below(3) {
        0 => return std::fs::remove_file(path),
        1 => bytes.truncate(chance.below(length + 1) as usize),
        _ => {
            let (at, bit) = (chance.below(length.max(1)) as usize, chance.below(8));
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
        }
    }
    std::fs::write(path, bytes)
}

/// Puts earlier files into a directory, each with a chance of one in six, and harms as many.
///
/// # Errors
///
/// The operating system's error.
pub fn mix(dir: &Path, earlier: &Path, chance: &mut impl Chance) -> io::Result<()> {
    for (root, path) in [dir, earlier]
        .into_iter()
        .map(|root| Ok(files_in(root)?.into_iter().map(move |path| (root, path))))
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .flatten()
    {
        let name = path.strip_prefix(root).map_err(io::Error::other)?;
        let here = dir.join(name);
        match chance.below(6) {
            0 => unless_gone(std::fs::copy(earlier.join(name), here).map(drop))?,
            1 => unless_gone(harm(&here, chance))?,
            _ => {}
        }
    }
    Ok(())
}

/// The result, but for a file that is not there.
fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::Seeded;

    #[test]
    fn a_copy_is_whole_and_a_mixture_is_of_both_days_or_harmed() {
        let dir = tempfile::tempdir().unwrap();
        let (now, then) = (dir.path().join("now"), dir.path().join("then"));
        std::fs::create_dir_all(now.join("below")).unwrap();
        let names: Vec<String> = (0..60).map(|nth| format!("below/{nth:02}")).collect();
        names.iter().for_each(|name| std::fs::write(now.join(name), "then").unwrap());
        copy_dir(&now, &then).unwrap();
        let found = files_in(&then).unwrap();
        assert_eq!(found, names.iter().map(|name| then.join(name)).collect::<Vec<_>>());
        names.iter().for_each(|name| std::fs::write(now.join(name), "now!").unwrap());
        mix(&now, &then, &mut Seeded::new(1)).unwrap();
        let left: Vec<Option<Vec<u8>>> =
            names.iter().map(|name| std::fs::read(now.join(name)).ok()).collect();
        let count = |of: &dyn Fn(&Option<Vec<u8>>) -> bool| left.iter().filter(|bytes| of(bytes)).count();
        let [earlier, same, gone] = [
            count(&|bytes| bytes.as_deref() == Some(b"then")),
            count(&|bytes| bytes.as_deref() == Some(b"now!")),
            count(&Option::is_none),
        ];
        assert!(
            earlier > 5 && same > 15 && gone > 0 && earlier + same + gone < 60,
            "{earlier} {same} {gone}"
        );
        assert_eq!(files_in(&dir.path().join("none")).unwrap(), Vec::<PathBuf>::new());
    }
}
