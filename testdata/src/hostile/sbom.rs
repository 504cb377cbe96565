//! A synthetic bill of materials of any size: the same bytes on every machine.

use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

/// Weighted by repetition, roughly as licences occur in the wild.
const LICENSES: [(&str, usize); 9] = [
    ("MIT", 50),
    ("Apache-2.0", 25),
    ("BSD-3-Clause", 10),
    ("ISC", 8),
    ("MPL-2.0", 3),
    ("GPL-3.0-only", 1),
    ("AGPL-3.0-only", 1),
    ("SSPL-1.0", 1),
    ("LGPL-2.1-or-later", 1),
];
const TYPES: [&str; 6] = ["npm", "cargo", "pypi", "golang", "maven", "deb"];
const WORDS: [&str; 16] = [
    "core", "util", "http", "async", "json", "crypto", "parser", "stream", "log", "cache", "proto",
    "net", "fs", "test", "cli", "auth",
];

/// A valid CycloneDX 1.6 document with `components` components: 22.5 MB at 20 000.
///
/// It has a dependency graph over them. Every 997th component from 13 has an empty version and every 1499th
/// from 7 has none. The same number gives the same bytes.
pub fn sbom(components: usize) -> Vec<u8> {
    let mut random = Random(42);
    let mut purls: Vec<String> = Vec::with_capacity(components);
    let mut listed = Vec::with_capacity(components);
    let mut dependencies = Vec::with_capacity(components);
    for index in 0..components {
        let (purl, component) = component(index, &mut random);
        let mut depends_on: Vec<&str> =
            (0..index.min(2)).filter_map(|_| random.pick(&purls)).map(String::as_str).collect();
        depends_on.sort_unstable();
        depends_on.dedup();
        dependencies.push(json!({"ref": purl, "dependsOn": depends_on}));
        listed.push(component);
        purls.push(purl);
    }
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {
            "timestamp": "2026-01-01T00:00:00Z",
            "component": {"type": "application", "bom-ref": "root", "name": "synthetic-app", "version": "1.0.0"},
        },
        "components": listed,
        "dependencies": dependencies,
    });
    document.to_string().into_bytes()
}

/// Data for a policy over [`sbom`] of the same size: `banned_purls` (up to 50 that are in it, 150 that are
/// not) and `banned_licenses`, as JSON.
pub fn sbom_bans(components: usize) -> Vec<u8> {
    let mut random = Random(42);
    let step = (components / 50).max(1);
    let mut banned = Vec::new();
    let mut known = 0;
    for index in 0..components {
        let (purl, _) = component(index, &mut random);
        // The draws that `sbom` makes for dependencies, so that what follows is the same.
        for _ in 0..index.min(2) {
            random.next();
        }
        if index % step == 0 && known < 50 {
            banned.push(purl);
            known += 1;
        }
    }
    banned.extend((0..150).map(|number| format!("pkg:npm/not-there-{number}@1.0.0")));
    let licenses = ["AGPL-3.0-only", "SSPL-1.0", "GPL-3.0-only"];
    json!({"banned_purls": banned, "banned_licenses": licenses}).to_string().into_bytes()
}

fn component(index: usize, random: &mut Random) -> (String, Value) {
    let kind = random.word(&TYPES);
    let name = format!("{}-{}-{index}", random.word(&WORDS), random.word(&WORDS));
    let version = format!("{}.{}.{}", random.below(13), random.below(41), random.below(100));
    let purl = format!("pkg:{kind}/{name}@{version}");
    let words: Vec<&str> = (0..18).map(|_| random.word(&WORDS)).collect();
    let sha256 = hex::encode(Sha256::digest(&purl));
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "description": format!("Synthetic component {index}: {}", words.join(" ")),
        "scope": "required",
        "hashes": [
            {"alg": "SHA-256", "content": sha256},
            {"alg": "SHA-512", "content": hex::encode(Sha512::digest(&purl))},
        ],
        "licenses": [{"license": {"id": random.license()}}],
        "externalReferences": [
            {"type": "distribution", "url": format!("https://registry.example/{kind}/{name}/-/{name}-{version}.tgz")},
            {"type": "vcs", "url": format!("git+https://git.example/{name}.git")},
        ],
        "properties": [
            {"name": "cdx:src:path", "value": format!("/app/node_modules/{name}")},
            {"name": "cdx:layer", "value": format!("sha256:{sha256}")},
        ],
    });
    if let Some(fields) = component.as_object_mut() {
        if index % 997 == 13 {
            fields.insert("version".to_owned(), json!(""));
        }
        if index % 1499 == 7 {
            fields.remove("version");
        }
    }
    (purl, component)
}

/// `SplitMix64`: small, and the same on every platform.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number under `limit`; 0 when `limit` is 0.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len());
        from.get(index)
    }

    fn word(&mut self, from: &[&'static str]) -> &'static str {
        self.pick(from).copied().unwrap_or_default()
    }

    fn license(&mut self) -> &'static str {
        let mut left = self.below(LICENSES.iter().map(|(_, weight)| weight).sum());
        for (license, weight) in LICENSES {
            if left < weight {
                return license;
            }
            left -= weight;
        }
        "MIT"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn parse(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn the_same_number_of_components_gives_the_same_bytes() {
        assert_eq!(sbom(300), sbom(300));
        let document = parse(&sbom(300));
        assert_eq!(document["components"].as_array().unwrap().len(), 300);
        assert_eq!(document["components"][13]["version"], "");
        assert_eq!(document["components"][7].get("version"), None);
    }

    #[test]
    fn twenty_thousand_components_are_about_22_megabytes() {
        let bytes = sbom(20_000).len();
        assert!((22_000_000..23_500_000).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn fifty_of_the_banned_packages_are_in_the_document() {
        let document = parse(&sbom(500));
        let purls: BTreeSet<&str> = document["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["purl"].as_str().unwrap())
            .collect();
        let bans = parse(&sbom_bans(500));
        let banned = bans["banned_purls"].as_array().unwrap();
        let present = banned.iter().filter(|purl| purls.contains(purl.as_str().unwrap())).count();
        assert_eq!((present, banned.len()), (50, 200));
    }
}
