//! Server addresses of a task's reports.

/// The address of a task's report, relative to the server's.
#[must_use]
pub fn report_path(tenant: &str, task: &str) -> String {
    format!("/v1/tasks/{}/report?tenant={}", path_segment(task), path_segment(tenant))
}

/// A text as one segment of a URL path.
#[must_use]
pub fn path_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_an_address() {
        assert_eq!(report_path("default", "T-1"), "/v1/tasks/T-1/report?tenant=default");
        assert_eq!(report_path("a&b", "../x?y #é"), "/v1/tasks/..%2Fx%3Fy%20%23%C3%A9/report?tenant=a%26b");
    }
}
