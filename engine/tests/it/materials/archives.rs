//! Test reports in archives, and archives that are weapons.

use std::io::{Cursor, Write as _};

use engine::material::{read, recognise};
use engine::{Kind, Limits};
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;

use super::{problems, read_default, seen};

const PASS: &str = "<testsuite name='pass'><testcase name='x'/></testsuite>";
const FAIL: &str =
    "<testsuites><testsuite name='fail'><testcase><failure/></testcase></testsuite></testsuites>";

fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A tar whose headers may claim any size.
fn tarred(files: &[(&str, &str, Option<u64>)]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for (name, content, claimed) in files {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_mode(0o644);
        header.set_size(claimed.unwrap_or(u64::try_from(content.len()).unwrap()));
        header.set_cksum();
        gzip.write_all(header.as_bytes()).unwrap();
        gzip.write_all(content.as_bytes()).unwrap();
        gzip.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
    }
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn reports_in_an_archive_are_one_report() {
    let files = [
        ("b/fail.xml", FAIL),
        ("a/pass.XML", PASS),
        ("README.md", "<"),
        ("other.xml", "<coverage/>"),
    ];
    let tar: Vec<_> = files.iter().map(|(name, content)| (*name, *content, None)).collect();
    for (name, bytes) in [("zip", zipped(&files)), ("tar.gz", tarred(&tar))] {
        assert_eq!(recognise(&bytes), Kind::JunitXml, "{name}");
        let reading = read_default(Kind::JunitXml, &bytes);
        assert_eq!(problems(&reading), [""; 0], "{name}");
        let report = seen(&reading);
        assert_eq!((&report["tests"], &report["failures"]), (&2.into(), &1.into()), "{name}");
        let mut files: Vec<_> =
            report["suites"].as_array().unwrap().iter().map(|s| s["file"].clone()).collect();
        files.sort_by_key(ToString::to_string);
        assert_eq!(files, ["a/pass.XML", "b/fail.xml"], "{name}");
    }
}

#[test]
fn an_archive_without_reports_is_just_a_file_and_no_report() {
    for bytes in [
        zipped(&[("a.txt", PASS)]),
        zipped(&[("pom.xml", "<project/>")]),
        zipped(&[]),
        tarred(&[("pom.xml", "<project/>", None)]),
    ] {
        assert_eq!(recognise(&bytes), Kind::Artifact);
        let found = problems(&read_default(Kind::JunitXml, &bytes));
        assert_eq!(found, [": it holds no test suite"]);
    }
}

#[test]
fn a_damaged_report_in_an_archive_is_named() {
    let bytes = zipped(&[("a.xml", PASS), ("b.xml", "<testsuite>"), ("c.xml", "not xml")]);
    let found = problems(&read_default(Kind::JunitXml, &bytes));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with(": `b.xml`: ") && found[1].starts_with(": `c.xml`: "),
        "{found:?}"
    );
}

#[test]
fn a_damaged_archive_is_a_problem() {
    let zip = zipped(&[("a.xml", PASS)]);
    let tar = tarred(&[("a.xml", PASS, None)]);
    let mut flipped = zip.clone();
    flipped[40] ^= 0xff;
    for (name, bytes) in [
        ("truncated zip", &zip[..zip.len() / 2]),
        ("truncated tar.gz", &tar[..tar.len() / 2]),
        ("damaged zip entry", &flipped),
        ("gzip of no tar", &[0x1f, 0x8b, 8, 0, 0]),
    ] {
        let reading = read_default(Kind::JunitXml, bytes);
        assert_eq!((reading.problems.len(), reading.json), (1, None), "{name}");
    }
}

#[test]
fn an_archive_that_claims_three_gigabytes_is_undecided() {
    const CLAIM: u64 = 3 << 30;
    let tar = tarred(&[("a.xml", PASS, Some(CLAIM))]);
    // The uncompressed size stands in the central directory, 24 bytes in.
    let mut zip = zipped(&[("a.xml", PASS)]);
    let directory = zip.windows(4).position(|magic| magic == b"PK\x01\x02").unwrap();
    zip[directory + 24..directory + 28]
        .copy_from_slice(&u32::try_from(CLAIM).unwrap().to_le_bytes());
    for (name, bytes) in [("zip", zip), ("tar.gz", tar)] {
        let reading = read_default(Kind::JunitXml, &bytes);
        let limit = reading.undecided.unwrap_or_else(|| panic!("{name}: {:?}", reading.problems));
        assert_eq!(
            limit,
            "the archive claims 3221225472 bytes, over the limit archive_bytes_max of 1073741824",
            "{name}"
        );
        assert_eq!(reading.json, None, "{name}");
    }
}

#[test]
fn an_archive_that_expands_further_than_it_claims_is_stopped() {
    let limits = Limits { archive_bytes_max: 100_000, ..Limits::DEFAULT };
    let bomb = format!("<testsuite>{}</testsuite>", " ".repeat(1_000_000));
    let mut zip = zipped(&[("a.xml", &bomb)]);
    let directory = zip.windows(4).position(|magic| magic == b"PK\x01\x02").unwrap();
    zip[directory + 24..directory + 28].copy_from_slice(&10_u32.to_le_bytes());
    let reading = read(Kind::JunitXml, &zip, &limits);
    let found = problems(&reading);
    assert!(found[0].contains("File is larger than its declared uncompressed size"), "{found:?}");
    assert_eq!(reading.json, None);
    // A tar cannot lie about a file, but its trailing bytes count too.
    let many: Vec<_> = (0..200).map(|_| ("d/", "", None)).collect();
    let many = tarred(&many);
    let reading = read(Kind::JunitXml, &many, &limits);
    assert!(reading.undecided.unwrap().contains("archive_bytes_max"), "{:?}", reading.problems);
}

#[test]
fn an_archive_of_too_many_files_is_undecided() {
    let limits = Limits { archive_entries_max: 2, ..Limits::DEFAULT };
    let names = ["a.xml", "b.xml", "c.txt"];
    let zip = zipped(&names.map(|name| (name, PASS)));
    let tar = tarred(&names.map(|name| (name, PASS, None)));
    for bytes in [zip, tar] {
        let reading = read(Kind::JunitXml, &bytes, &limits);
        let limit = reading.undecided.unwrap();
        assert_eq!(limit, "the archive has more entries than the limit archive_entries_max of 2");
    }
}
