//! Results as pictures: where they go, looked at before anything is read, and how they get there.

use std::path::Path;

use rustix::fs::{Access, access};
use tollgate_charts::Scene;
use tollgate_charts::html::{Page, html};
use tollgate_charts::svg::{Styles, svg};

use super::history::{existing, make, outside, own_directory, replace};
use crate::args::PicturesArgs;
use crate::exit::Failure;
use crate::output::{counted, note};

/// Kinds of pictures of which there is a number.
const NUMBERED: [&str; 3] = ["thresholds", "forecasts", "policy"];

/// Where pictures go.
pub(super) struct Pictures<'a> {
    html: Option<&'a Path>,
    dir: Option<&'a Path>,
    png: bool,
}

impl<'a> Pictures<'a> {
    /// The places that the flags name, if pictures can be written there.
    pub(super) fn checked(args: &'a PicturesArgs, from: &str) -> Result<Self, Failure> {
        let html = args.html.as_deref();
        html.map_or(Ok(()), |path| file("--html", path, from))?;
        let dir = args.pictures.as_deref();
        if let Some(dir) = dir {
            writable("--pictures", own_directory("--pictures", dir, from)?)?;
        }
        Ok(Self { html, dir, png: args.png })
    }

    /// Writes them, if that was asked for.
    pub(super) fn write(&self, page: impl FnOnce() -> Page) -> Result<(), Failure> {
        if self.html.is_none() && self.dir.is_none() {
            return Ok(());
        }
        let page = page();
        if let Some(path) = self.html {
            replace(path, html(&page))?;
            note(&format!("the pictures are in {}", path.display()));
        }
        let Some(dir) = self.dir else { return Ok(()) };
        make(dir)?;
        for figure in &page.figures {
            let scene = figure.scene();
            replace(&dir.join(format!("{}.svg", figure.name)), svg(&scene, Styles::Own))?;
            if self.png {
                write_png(&dir.join(format!("{}.png", figure.name)), &scene)?;
            }
        }
        remove_stale(dir, &page, self.png)?;
        let pictures = counted(page.figures.len() as u64, "picture");
        note(&format!("{pictures} in {}", dir.display()));
        Ok(())
    }
}

/// Removes pictures of an earlier run that this one does not have: it drew fewer of a kind, or no PNG files.
/// Nothing else in the directory is touched.
fn remove_stale(dir: &Path, page: &Page, png: bool) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::failed(format!("removing {}, a picture of an earlier run: {error}", path.display()))
    };
    let has = |name: &str| page.figures.iter().any(|figure| figure.name == name);
    for entry in std::fs::read_dir(dir).map_err(|error| failed(dir, error))? {
        let path = entry.map_err(|error| failed(dir, error))?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let is_numbered = name.rsplit_once('-').is_some_and(|(kind, number)| {
            NUMBERED.contains(&kind) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        let is_stale = match path.extension().and_then(|kind| kind.to_str()) {
            Some("svg") => is_numbered && !has(name),
            Some("png") => {
                if has(name) {
                    !png
                } else {
                    is_numbered
                }
            }
            Some(_) | None => false,
        };
        if is_stale && path.is_file() {
            std::fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}

/// Refuses a file that cannot be written.
fn file(flag: &str, path: &Path, from: &str) -> Result<(), Failure> {
    let shown = path.display();
    if path.is_dir() {
        return Err(Failure::refused(format!("{flag} {shown}: is a directory; name a file in it")));
    }
    if path.exists() && !path.is_file() {
        return Err(Failure::refused(format!("{flag} {shown}: is no file; name one")));
    }
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(Failure::refused(format!("{flag} {shown}: names a directory; name a file in it")));
    }
    if path.file_name().is_none() {
        return Err(Failure::refused(format!("{flag} {shown}: names no file")));
    }
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    };
    if !dir.is_dir() {
        return Err(Failure::refused(format!(
            "{flag} {shown}: there is no directory {}; make it first",
            dir.display()
        )));
    }
    outside(flag, path, from)?;
    writable(flag, dir)
}

/// Refuses a directory in which nothing can be made, or below which it cannot be made.
fn writable(flag: &str, dir: &Path) -> Result<(), Failure> {
    let closest = existing(dir).unwrap_or_else(|| dir.to_owned());
    let writes = if closest.is_dir() {
        access(&closest, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| error.to_string())
    } else {
        Err("is a file, not a directory".to_owned())
    };
    writes.map_err(|error| {
        Failure::failed(format!("{flag}: nothing can be written to {}: {error}", closest.display()))
    })
}

fn write_png(path: &Path, scene: &Scene) -> Result<(), Failure> {
    /// Pixels of a picture for one of a screen: sharp in print.
    const SCALE: u8 = 2;
    let png = tollgate_charts::png::png(scene, SCALE);
    replace(path, png.map_err(|error| Failure::failed(format!("drawing {}: {error}", path.display())))?)
}
