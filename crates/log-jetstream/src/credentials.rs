//! Who a client is, and how its connection is encrypted. Secrets come as values or from files that only their
//! owner can read; they appear in no message and no debug output.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use async_nats::ConnectOptions;

/// Who a client is.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// No credentials, or those in the address (`nats://user:password@host`).
    #[default]
    None,
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// A credentials file with a JWT and a seed.
    File(PathBuf),
    /// A file with the seed of an nkey.
    Nkey(PathBuf),
}

/// A secret, or the file that contains it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Value(String),
    /// The file. White space around the secret is ignored.
    File(PathBuf),
}

/// How a connection is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Refuse a server without TLS. An address that begins with `tls://` has the same effect, and so does any
    /// file given here.
    pub required: bool,
    /// Certificates of the authorities that may vouch for the server; by default those of the system.
    pub ca: Option<PathBuf>,
    /// This client's certificate, and any between it and the server's authority.
    pub certificate: Option<PathBuf>,
    /// Its key. The file must be readable by its owner only.
    pub key: Option<PathBuf>,
}

/// What the flags say about the client's identity: at most one kind of credentials.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// A user; needs a password.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// The file that contains the password.
    pub password_file: Option<PathBuf>,
    /// A token.
    pub token: Option<String>,
    /// The file that contains the token.
    pub token_file: Option<PathBuf>,
    /// A credentials file.
    pub credentials_file: Option<PathBuf>,
    /// A file with the seed of an nkey.
    pub nkey_file: Option<PathBuf>,
}

/// Why credentials cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// More than one kind of credentials, or only half of one.
    #[error("credentials for NATS: {0}")]
    Ambiguous(String),
    /// Not a valid address.
    #[error("the address {shown}: {reason}; write nats://HOST:4222, or several, joined by commas")]
    Address {
        /// The address, without a user.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read.
    #[error("reading the {what} {}: {reason}", path.display())]
    Unreadable {
        /// What the file contains.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's message, or what is wrong with the content; never the content itself.
        reason: String,
    },
    /// A secret is readable by others.
    #[error(
        "the {what} {shown} can be read by others than its owner (mode {mode:04o}); run: chmod 600 {shown}",
        shown = path.display()
    )]
    Open {
        /// What the file contains.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

impl Access {
    /// The credentials of these flags.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Ambiguous`].
    pub fn credentials(self) -> Result<Credentials, CredentialsError> {
        let ambiguous = |why: String| Err(CredentialsError::Ambiguous(why));
        let ways = [
            ("a user", self.user.is_some()),
            ("a token", self.token.is_some() || self.token_file.is_some()),
            ("a credentials file", self.credentials_file.is_some()),
            ("an nkey file", self.nkey_file.is_some()),
        ];
        let given: Vec<&str> = ways.iter().filter(|(_, given)| *given).map(|(way, _)| *way).collect();
        if given.len() > 1 {
            return ambiguous(format!("{} are given; give one", given.join(" and ")));
        }
        let either = |what: &str, value: Option<String>, file: Option<PathBuf>| match (value, file) {
            (Some(_), Some(_)) => ambiguous_secret(what),
            (Some(value), None) => Ok(Some(Secret::Value(value))),
            (None, file) => Ok(file.map(Secret::File)),
        };
        let password = either("password", self.password, self.password_file)?;
        let token = either("token", self.token, self.token_file)?;
        match (self.user, password) {
            (Some(user), Some(password)) => return Ok(Credentials::Password { user, password }),
            (Some(user), None) => {
                return ambiguous(format!("user `{user}` has no password; give it, or its file"));
            }
            (None, Some(_)) => return ambiguous("a password without a user; give the user".to_owned()),
            (None, None) => {}
        }
        let file = self.credentials_file.map(Credentials::File).or(self.nkey_file.map(Credentials::Nkey));
        Ok(token.map(Credentials::Token).or(file).unwrap_or_default())
    }
}

fn ambiguous_secret<T>(what: &str) -> Result<T, CredentialsError> {
    Err(CredentialsError::Ambiguous(format!("a {what} and a file with one are given; give one")))
}

impl Credentials {
    /// These credentials, or the others if there are none: giving both is an error, since a client cannot be
    /// two users.
    pub(crate) fn or(self, in_address: Self) -> Result<Self, CredentialsError> {
        match (self, in_address) {
            (one, Self::None) | (Self::None, one) => Ok(one),
            (one, other) if one == other => Ok(one),
            _ => Err(CredentialsError::Ambiguous(
                "the address holds a user, and another one is given beside it; give one".to_owned(),
            )),
        }
    }

    /// Sets them, reading the files that contain them.
    pub(crate) fn apply(&self, options: ConnectOptions) -> Result<ConnectOptions, CredentialsError> {
        Ok(match self {
            Self::None => options,
            Self::Password { user, password } => {
                options.user_and_password(user.clone(), password.read("password file")?)
            }
            Self::Token(token) => options.token(token.read("token file")?),
            Self::File(path) => {
                let what = "credentials file";
                let text = read_secret(what, path)?;
                options.credentials(&text).map_err(|_| CredentialsError::Unreadable {
                    what,
                    path: path.clone(),
                    reason: "it holds no JWT with a seed, as `nsc generate creds` writes them".to_owned(),
                })?
            }
            Self::Nkey(path) => {
                let what = "nkey seed file";
                let text = read_secret(what, path)?;
                let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
                let Some(seed) = seed else {
                    let reason = "it holds no seed of a user, which begins with SU".to_owned();
                    return Err(CredentialsError::Unreadable { what, path: path.clone(), reason });
                };
                options.nkey(seed.to_owned())
            }
        })
    }
}

impl Secret {
    fn read(&self, what: &'static str) -> Result<String, CredentialsError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::File(path) => read_secret(what, path).map(|text| text.trim().to_owned()),
        }
    }
}

impl Tls {
    /// Sets it, after checking the files: the library reads them on every new connection.
    pub(crate) fn apply(&self, options: ConnectOptions) -> Result<ConnectOptions, CredentialsError> {
        let mut options = options;
        if self.required || self.ca.is_some() || self.certificate.is_some() || self.key.is_some() {
            options = options.require_tls(true);
        }
        if let Some(ca) = &self.ca {
            drop(open("certificate file", ca)?);
            options = options.add_root_certificates(ca.clone());
        }
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                drop(open("certificate file", certificate)?);
                let what = "key file";
                check_mode(what, key, &open(what, key)?)?;
                Ok(options.add_client_certificate(certificate.clone(), key.clone()))
            }
            (None, None) => Ok(options),
            (Some(_), None) => {
                Err(CredentialsError::Ambiguous("a certificate without its key; give the key".to_owned()))
            }
            (None, Some(_)) => Err(CredentialsError::Ambiguous(
                "a key without its certificate; give the certificate".to_owned(),
            )),
        }
    }
}

/// Reads a file that must be readable by its owner only.
fn read_secret(what: &'static str, path: &Path) -> Result<String, CredentialsError> {
    let mut file = open(what, path)?;
    check_mode(what, path, &file)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| unreadable(what, path, &error))?;
    Ok(text)
}

fn open(what: &'static str, path: &Path) -> Result<File, CredentialsError> {
    File::open(path).map_err(|error| unreadable(what, path, &error))
}

fn unreadable(what: &'static str, path: &Path, error: &std::io::Error) -> CredentialsError {
    CredentialsError::Unreadable { what, path: path.to_owned(), reason: error.to_string() }
}

fn check_mode(what: &'static str, path: &Path, file: &File) -> Result<(), CredentialsError> {
    let metadata = file.metadata().map_err(|error| unreadable(what, path, &error))?;
    match tollgate_files::too_open(&metadata) {
        None => Ok(()),
        Some(mode) => Err(CredentialsError::Open { what, path: path.to_owned(), mode }),
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Password { user, password } => write!(f, "user {user}, password {password:?}"),
            Self::Token(token) => write!(f, "token {token:?}"),
            Self::File(path) => write!(f, "credentials file {}", path.display()),
            Self::Nkey(path) => write!(f, "nkey seed file {}", path.display()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("***"),
            Self::File(path) => write!(f, "in {}", path.display()),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.as_ref().map(|_| "***");
        f.debug_struct("Access")
            .field("user", &self.user)
            .field("password", &shown(&self.password))
            .field("password_file", &self.password_file)
            .field("token", &shown(&self.token))
            .field("token_file", &self.token_file)
            .field("credentials_file", &self.credentials_file)
            .field("nkey_file", &self.nkey_file)
            .finish()
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::Value(value)
    }
}

#[cfg(test)]
mod tests;
