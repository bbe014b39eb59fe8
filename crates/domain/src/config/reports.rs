//! Defaults for reports: the config's section `reports`.

use crate::yaml::fields::{Fields, Section};
use crate::yaml::tree::Node;
use crate::zone::Zone;

/// Keys of the section.
const KEYS: [&str; 1] = ["time_zone"];

/// Defaults for reports. Changes take effect immediately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportsConfig {
    /// The time zone that determines when a day begins.
    pub time_zone: Zone,
}

impl ReportsConfig {
    /// The lines of the canonical content: none for the defaults, so that configs from before this section
    /// keep their hash.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        if *self == Self::default() {
            return Vec::new();
        }
        vec![("reports.time_zone", self.time_zone.to_string())]
    }
}

pub(super) fn read(fields: &mut Fields, top: &Section<'_>) -> ReportsConfig {
    let Some((field, node)) = top.get("reports") else { return ReportsConfig::default() };
    let section = fields.section(&field, node, &KEYS);
    let mut zone = |(field, node): (String, &Node)| {
        let Node::Text(text) = node else {
            fields.wrong_type(&field, node, "the name of a time zone");
            return None;
        };
        text.parse()
            .map_err(|error: crate::zone::UnknownZone| fields.problem(&field, text, error.to_string()))
            .ok()
    };
    ReportsConfig { time_zone: section.get("time_zone").and_then(&mut zone).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::super::BudgetConfig;

    #[test]
    fn a_zone_is_read_kept_in_the_log_and_checked() {
        let plain = BudgetConfig::from_yaml("rollout: observe").unwrap();
        for (yaml, name, line) in [
            ("reports: { time_zone: asia/shanghai }", "Asia/Shanghai", "reports.time_zone=Asia/Shanghai\n"),
            ("reports: { time_zone: Etc/GMT-14 }", "Etc/GMT-14", "reports.time_zone=Etc/GMT-14\n"),
            ("reports: { time_zone: UTC }", "UTC", ""),
            ("reports: {}\nrollout: observe", "UTC", ""),
        ] {
            let config = BudgetConfig::from_yaml(yaml).unwrap();
            assert_eq!(config.reports.time_zone.name(), name, "{yaml}");
            assert_eq!(config.canonical(), format!("{}{line}", plain.canonical()), "{yaml}");
            assert_eq!(BudgetConfig::from_canonical(&config.canonical()), Ok(config));
        }
        for (yaml, says) in [
            (
                "reports: { time_zone: Mars/Olympus }",
                "reports.time_zone: `Mars/Olympus`: must be the name of a time zone",
            ),
            ("reports: { time_zone: Europe/Berln }", "did you mean `Europe/Berlin`?"),
            (
                "reports: { time_zone: 2 }",
                "reports.time_zone: `2`: must be the name of a time zone, is a number",
            ),
            ("reports: { zone: UTC }", "reports.zone: `UTC`: unknown key, must be one of time_zone"),
            ("reports: UTC", "reports: `UTC`: must be a mapping, is text"),
        ] {
            let error = BudgetConfig::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(says), "{yaml}: {error}");
        }
    }
}
