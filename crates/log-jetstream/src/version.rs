//! What needs which server: the one place where a version decides.

use crate::options::ConnectError;

/// The version of a server, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    text: String,
    major_minor: (u64, u64),
}

/// From here on an expected sequence is exact on a cluster. Before, several racing decisions may win.
const EXACT_ON_CLUSTERS: (u64, u64) = (2, 11);

impl Version {
    pub(crate) fn of(client: &async_nats::Client) -> Self {
        Self::read(client.server_info().version)
    }

    fn read(text: String) -> Self {
        let mut numbers = text.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
        let major_minor = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Self { text, major_minor }
    }

    /// Whether decisions are exact with so many replicas.
    pub(crate) fn check_replicas(&self, replicas: usize) -> Result<(), ConnectError> {
        if replicas > 1 && self.major_minor < EXACT_ON_CLUSTERS {
            return Err(ConnectError::Unsupported {
                version: self.text.clone(),
                what: format!(
                    "the stream has {replicas} replicas; before 2.11 two racing decisions may both win on a cluster: \
                     upgrade the servers, or use one replica"
                ),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_need_a_server_whose_expected_sequences_are_exact() {
        let table = [
            ("2.9.10", 1, true),
            ("2.9.10", 3, false),
            ("2.10.29", 3, false),
            ("2.11.0", 3, true),
            ("2.12.1-RC.2", 3, true),
            ("3.0.0", 5, true),
            ("strange", 3, false),
        ];
        for (version, replicas, fine) in table {
            let checked = Version::read(version.to_owned()).check_replicas(replicas);
            assert_eq!(checked.is_ok(), fine, "{version} with {replicas}");
        }
    }
}
