//! Spellings of addresses, honest and hostile.

use super::*;

fn refused(text: &str) -> String {
    match Target::parse(text, &Permits::default()) {
        Ok(target) => format!("taken as {target}"),
        Err(error) => error.rule,
    }
}

#[test]
fn plain_addresses_are_taken_as_they_are() {
    for (text, shown, path) in [
        ("https://example.org", "https://example.org", "/"),
        ("https://example.org/", "https://example.org", "/"),
        ("https://Example.ORG/Hook?a=b", "https://example.org", "/Hook?a=b"),
        ("https://example.org:443/x", "https://example.org", "/x"),
        ("https://example.org:8443/x", "https://example.org:8443", "/x"),
        ("https://a-b.c_d.example/%7Ex/../y", "https://a-b.c_d.example", "/y"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example", "/"),
        ("https://93.184.215.14/x", "https://93.184.215.14", "/x"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]", "/x"),
        (
            "https://example.org/?next=http://127.0.0.1/@x",
            "https://example.org",
            "/?next=http://127.0.0.1/@x",
        ),
        ("https://nic.app/1.1.1.1", "https://nic.app", "/1.1.1.1"),
    ] {
        let target = Target::parse(text, &Permits::default());
        let target = target.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((target.to_string().as_str(), target.path()), (shown, path), "{text}");
    }
}

/// Each line: an address, and a word of the rule that refuses it.
const HOSTILE: &str = r"
    http://example.org/                     | allow_http
    HTTPS://example.org/                    | begin with https
    ftp://example.org/                      | begin with https
    file:///etc/passwd                      | begin with https
    gopher://127.0.0.1:6379/_x              | begin with https
    dict://127.0.0.1:11211/                 | begin with https
    ldap://127.0.0.1/                       | begin with https
    jar:https://example.org!/               | begin with https
    data:text/plain,x                       | begin with https
    javascript://example.org/               | begin with https
    unix:///var/run/docker.sock             | begin with https
    //example.org/                          | begin with https
    example.org                             | begin with https
    https:example.org                       | begin with https
    https:/example.org                      | begin with https
    https:///example.org                    | must
    https://                                | must
    https://:443/                           | must
    https://?x                              | must
    https://user@example.org/               | user or password
    https://user:pass@example.org/          | user or password
    https://example.org@127.0.0.1/          | user or password
    https://example.org:443@127.0.0.1/      | user or password
    https://127.0.0.1\@example.org/         | backslashes
    https://example.org\@127.0.0.1/         | backslashes
    https:\\example.org/                    | backslashes
    https://example.org#@127.0.0.1/         | fragment
    https://example.org/#x                  | fragment
    https://example.org:80/                 | port 80
    https://example.org:22/                 | port 22
    https://example.org:6379/               | port 6379
    https://example.org:0/                  | port 0
    https://example.org:00443/              | plainly
    https://example.org:65536/              | must be an address
    https://example.org:-1/                 | must be an address
    https://example.org:/                   | plainly
    https://example.org:443:443/            | must be an address
    https://example.org./                   | full stop
    https://exa%6dple.org/                  | plainly
    https://%31%32%37.0.0.1/                | plainly
    https://127.0.0.1%2f@example.org/       | user or password
    https://①②⑦.⓪.⓪.①/                      | ASCII
    https://example。org/                   | ASCII
    https://bücher.example/                 | ASCII
    https://127.0.0.1/                      | this machine
    https://127.1/                          | plainly
    https://127.0.1/                        | plainly
    https://127.000.000.001/                | plainly
    https://0177.0.0.1/                     | plainly
    https://0x7f.0.0.1/                     | plainly
    https://0x7f000001/                     | plainly
    https://0X7F.1/                         | plainly
    https://2130706433/                     | plainly
    https://017700000001/                   | plainly
    https://3232235777/                     | plainly
    https://127.0.0.1./                     | plainly
    https://127.255.255.254/                | this machine
    https://0.0.0.0/                        | this network
    https://0/                              | plainly
    https://0.0.0.1/                        | this network
    https://10.0.0.1/                       | private
    https://10.255.255.255/                 | private
    https://172.16.0.1/                     | private
    https://172.31.255.255/                 | private
    https://192.168.0.1/                    | private
    https://100.64.0.1/                     | carrier
    https://100.127.255.255/                | carrier
    https://100.100.100.200/                | metadata
    https://169.254.169.254/                | link-local
    https://169.254.170.2/                  | link-local
    https://0xa9fea9fe/                     | plainly
    https://2852039166/                     | plainly
    https://0251.0376.0251.0376/            | plainly
    https://168.63.129.16/                  | metadata
    https://192.0.0.192/                    | metadata
    https://192.0.2.1/                      | documentation
    https://198.18.0.1/                     | benchmarks
    https://198.51.100.1/                   | documentation
    https://203.0.113.1/                    | documentation
    https://192.88.99.1/                    | relay
    https://224.0.0.1/                      | multicast
    https://239.255.255.250/                | multicast
    https://240.0.0.1/                      | reserved
    https://255.255.255.255/                | reserved
    https://256.0.0.1/                      | must be an address
    https://1.2.3.4.5/                      | must be an address
    https://1.2.3.0x10/                     | plainly
    https://[::1]/                          | this machine
    https://[0:0:0:0:0:0:0:1]/              | plainly
    https://[::]/                           | no address
    https://[::ffff:127.0.0.1]/             | plainly
    https://[::ffff:7f00:1]/                | IPv4 address in IPv6
    https://[::ffff:a9fe:a9fe]/             | IPv4 address in IPv6
    https://[::7f00:1]/                     | IPv4 address in IPv6
    https://[::ffff:0:7f00:1]/              | IPv4 address in IPv6
    https://[64:ff9b::7f00:1]/              | NAT64
    https://[64:ff9b::a9fe:a9fe]/           | NAT64
    https://[64:ff9b:1::a00:1]/             | NAT64
    https://[2002:7f00:1::]/                | 6to4
    https://[2001:0:a9fe:a9fe::1]/          | tunnels
    https://[2001::1]/                      | tunnels
    https://[2001:db8::1]/                  | documentation
    https://[3fff::1]/                      | documentation
    https://[fc00::1]/                      | private
    https://[fd12:3456::1]/                 | private
    https://[fd00:ec2::254]/                | metadata
    https://[fd20:ce::254]/                 | metadata
    https://[fe80::1]/                      | link-local
    https://[fe80::1%25eth0]/               | must be an address
    https://[fec0::1]/                      | site-local
    https://[ff02::1]/                      | multicast
    https://[100::1]/                       | outside
    https://[5f00::1]/                      | outside
    https://[::1/                           | must be an address
    https://[v1.x]/                         | must be an address
    https://exa mple.org/                   | spaces
    https://a..example.org/                 | labels
";

#[test]
fn hostile_spellings_are_refused() {
    let (mut cases, mut wrong) = (0, Vec::new());
    for line in HOSTILE.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (text, rule) = line.rsplit_once('|').unwrap();
        let refusal = refused(text.trim());
        if !refusal.contains(rule.trim()) {
            wrong.push(format!("{line}: {refusal}"));
        }
        cases += 1;
    }
    assert_eq!(wrong, [""; 0]);
    assert!(cases > 110, "{cases}");
    for (hidden, rule) in [
        ("https://example.org\n.evil.example/", "control"),
        ("https://example.org\r\nx: y/", "control"),
        ("https://exam\tple.org/", "control"),
        (" https://example.org/", "spaces"),
        ("https://example.org/\0", "control"),
        ("https://example.org/\u{202e}", "ASCII"),
        ("https://example.org/\u{feff}", "ASCII"),
    ] {
        assert!(refused(hidden).contains(rule), "{hidden:?}: {}", refused(hidden));
    }
    assert!(refused(&format!("https://example.org/{}", "x".repeat(2048))).contains("2048"));
    assert!(refused(&format!("https://{}.org/", "x".repeat(64))).contains("labels"));
    assert!(refused(&format!("https://{}x.org/", "xx.".repeat(90))).contains("253"));
}

#[test]
fn permits_open_what_they_name_and_no_more() {
    let permits = Permits { http: true, private: true, ports: vec![7070] };
    for good in
        ["http://127.0.0.1:7070/", "https://10.0.0.1/", "http://[::1]:7070/x", "https://example.org:7070/"]
    {
        assert!(Target::parse(good, &permits).is_ok(), "{good}");
    }
    for (bad, rule) in [
        ("http://127.0.0.1/", "port 80"),
        ("http://127.0.0.1:7071/", "port 7071"),
        ("http://169.254.169.254:7070/", "link-local"),
        ("https://[fd00:ec2::254]/", "metadata"),
        ("https://[::ffff:a00:1]/", "IPv4 address in IPv6"),
        ("https://224.0.0.1/", "multicast"),
        ("http://2130706433:7070/", "plainly"),
        ("http://a@127.0.0.1:7070/", "user"),
        ("ftp://127.0.0.1:7070/", "begin with"),
    ] {
        let error = Target::parse(bad, &permits).unwrap_err().rule;
        assert!(error.contains(rule), "{bad}: {error}");
    }
}

#[test]
fn nothing_shows_the_path_or_a_password() {
    let target = Target::parse("https://example.org/T0KEN?key=T0KEN", &Permits::default()).unwrap();
    assert!(!format!("{target} {target:?}").contains("T0KEN"));
    for bad in [
        "https://me:T0KEN@example.org/",
        "http://example.org/T0KEN",
        "https://example.org:1/T0KEN",
        "https://example.org?T0KEN#",
        "https://T0KEN@10.0.0.1",
    ] {
        let error = Target::parse(bad, &Permits::default()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("T0KEN"), "{bad}: {error:?}");
    }
}

/// Machines that no webhook may reach.
const MACHINES: [[u8; 4]; 20] = [
    [127, 0, 0, 1],
    [127, 255, 255, 254],
    [0, 0, 0, 0],
    [0, 0, 0, 1],
    [10, 0, 0, 1],
    [10, 255, 0, 9],
    [172, 16, 0, 1],
    [172, 31, 255, 254],
    [192, 168, 0, 1],
    [192, 168, 255, 1],
    [100, 64, 0, 1],
    [100, 100, 100, 200],
    [169, 254, 169, 254],
    [169, 254, 170, 2],
    [168, 63, 129, 16],
    [192, 0, 0, 192],
    [198, 18, 0, 1],
    [224, 0, 0, 251],
    [240, 0, 0, 1],
    [255, 255, 255, 255],
];

/// Every spelling of an address that some reader takes for it.
fn spellings(bytes @ [a, b, c, d]: [u8; 4]) -> Vec<String> {
    let wide = |text: &str| {
        let widen = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c);
        text.chars().map(widen).collect::<String>()
    };
    let number = u32::from_be_bytes(bytes);
    let (high, low) = (number >> 16, number & 0xffff);
    let dotted = format!("{a}.{b}.{c}.{d}");
    let percent: String = dotted.bytes().map(|byte| format!("%{byte:02x}")).collect();
    vec![
        dotted.clone(),
        format!("{dotted}."),
        format!("{dotted}:443"),
        format!("{dotted}:8443"),
        format!("{number}"),
        format!("{number:#x}"),
        format!("{number:#X}"),
        format!("0{number:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("00{a:o}.0{b:o}.{c}.{d:#x}"),
        format!("{a}.{b}.{low}"),
        format!("{a}.{}", number & 0xff_ffff),
        format!("{a:#x}.{b}.{low:#x}"),
        format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        percent,
        wide(&dotted),
        dotted.replace('.', "。"),
        dotted.replace('.', "%2e"),
        format!("example.org@{dotted}"),
        format!("{dotted}\\.example.org"),
        format!("[::{high:x}:{low:x}]"),
        format!("[::{dotted}]"),
        format!("[::ffff:{dotted}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::ffff:0:{high:x}:{low:x}]"),
        format!("[64:ff9b::{high:x}:{low:x}]"),
        format!("[64:ff9b::{dotted}]"),
        format!("[64:ff9b:1::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:{high:x}:{low:x}::1]"),
        format!("[2001:0:1:1::{:x}:{:x}]", !high & 0xffff, !low & 0xffff),
    ]
}

#[test]
fn no_spelling_of_a_forbidden_address_is_taken() {
    let hosts: Vec<String> = MACHINES.into_iter().flat_map(spellings).collect();
    assert!(hosts.len() >= 600, "{}", hosts.len());
    for host in hosts {
        let refusal = refused(&format!("https://{host}/hook"));
        assert!(!refusal.starts_with("taken"), "{host}: {refusal}");
    }
}
