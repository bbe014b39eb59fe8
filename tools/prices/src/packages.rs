//! Both packages as `pip install --no-deps --target DIR litellm genai-prices` unpacks them.

use std::path::Path;

use crate::{genai, read};

/// Both lists in the form in which they are published, and the versions of their packages.
pub(crate) struct Packages {
    /// LiteLLM's map.
    pub(crate) litellm: String,
    /// Version 2 of `data.json` of genai-prices.
    pub(crate) genai: String,
    /// `litellm 1.110.2 and genai-prices 0.2.3`.
    pub(crate) versions: String,
}

impl Packages {
    pub(crate) fn open(dir: &Path) -> Result<Self, String> {
        let module = dir.join("genai_prices/data.py");
        let genai =
            genai::published(&read(&module)?).map_err(|error| format!("{}: {error}", module.display()))?;
        Ok(Self {
            litellm: read(&dir.join("litellm/model_prices_and_context_window_backup.json"))?,
            genai,
            versions: format!(
                "litellm {} and genai-prices {}",
                version(dir, "litellm")?,
                version(dir, "genai_prices")?
            ),
        })
    }
}

/// The version in the name of the directory that pip writes beside a package.
fn version(dir: &Path, package: &str) -> Result<String, String> {
    let missing = || format!("{}: there is no {package}-VERSION.dist-info", dir.display());
    let entries = std::fs::read_dir(dir).map_err(|error| format!("reading {}: {error}", dir.display()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let of = |name: String| {
        let version = name.strip_prefix(package)?.strip_prefix('-')?.strip_suffix(".dist-info")?;
        Some(version.to_owned())
    };
    names.filter_map(of).next().ok_or_else(missing)
}
