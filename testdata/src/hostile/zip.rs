//! A zip archive that lies about what is inside.

const NAME: &[u8] = b"report.json";
/// An empty deflate stream: one final block, nothing in it.
const CONTENT: [u8; 2] = [0x03, 0x00];
const ZIP64_EXTRA: u16 = 0x0001;

/// A zip of about 150 bytes whose one entry, `report.json`, claims to expand to `bytes` bytes.
///
/// It is well formed and deflated; its local header and the central directory agree on the claim, and it
/// expands to nothing. Claims of 2³² − 1 and more are in the zip64 extra field.
pub fn zip_claiming(bytes: u64) -> Vec<u8> {
    let mut archive = Vec::new();
    let extra = zip64_extra(bytes);
    archive.extend(b"PK\x03\x04");
    archive.extend(entry(bytes, &extra));
    archive.extend(NAME);
    archive.extend(&extra);
    archive.extend(CONTENT);

    let directory_at = length(&archive);
    archive.extend(b"PK\x01\x02");
    archive.extend(45_u16.to_le_bytes()); // made by version 4.5
    archive.extend(entry(bytes, &extra));
    archive.extend([0; 14]); // no comment, disk 0, no attributes, local header at 0
    archive.extend(NAME);
    archive.extend(&extra);

    let directory_bytes = length(&archive).saturating_sub(directory_at);
    archive.extend(b"PK\x05\x06");
    archive.extend([0; 4]); // this disk, the directory's disk
    archive.extend([1, 0, 1, 0]); // one entry here, one in all
    archive.extend(directory_bytes.to_le_bytes());
    archive.extend(directory_at.to_le_bytes());
    archive.extend([0; 2]); // no comment
    archive
}

/// What the local header and the directory entry have in common, from "version needed" to "extra length".
fn entry(bytes: u64, extra: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    fields.extend(45_u16.to_le_bytes()); // needs version 4.5
    fields.extend(0_u16.to_le_bytes()); // flags
    fields.extend(8_u16.to_le_bytes()); // deflate
    fields.extend([0; 4]); // time and date
    fields.extend(0_u32.to_le_bytes()); // CRC-32 of nothing
    fields.extend(length(&CONTENT).to_le_bytes());
    fields.extend(u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes());
    fields.extend(u16::try_from(NAME.len()).unwrap_or(u16::MAX).to_le_bytes());
    fields.extend(u16::try_from(extra.len()).unwrap_or(u16::MAX).to_le_bytes());
    fields
}

fn zip64_extra(bytes: u64) -> Vec<u8> {
    if bytes < u64::from(u32::MAX) {
        return Vec::new();
    }
    let mut extra = Vec::new();
    extra.extend(ZIP64_EXTRA.to_le_bytes());
    extra.extend(16_u16.to_le_bytes()); // a local header must give both sizes
    extra.extend(bytes.to_le_bytes());
    extra.extend(2_u64.to_le_bytes());
    extra
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(archive: &[u8], signature: &[u8]) -> usize {
        archive.windows(4).position(|window| window == signature).unwrap()
    }

    #[test]
    fn the_end_record_points_at_the_directory_and_the_directory_claims_the_size() {
        let archive = zip_claiming(3_000_000_000);
        let end = find(&archive, b"PK\x05\x06");
        let directory = find(&archive, b"PK\x01\x02");
        let pointer = u32::from_le_bytes(archive[end + 16..end + 20].try_into().unwrap());
        assert_eq!(usize::try_from(pointer).unwrap(), directory);
        let claim = u32::from_le_bytes(archive[directory + 24..directory + 28].try_into().unwrap());
        assert_eq!(claim, 3_000_000_000);
        assert!(archive.len() < 200);
    }

    #[test]
    fn a_claim_over_four_gib_is_in_the_zip64_field() {
        let archive = zip_claiming(1 << 50);
        let directory = find(&archive, b"PK\x01\x02");
        assert_eq!(archive[directory + 24..directory + 28], [0xff; 4]);
        let extra = directory + 46 + NAME.len();
        let claim = u64::from_le_bytes(archive[extra + 4..extra + 12].try_into().unwrap());
        assert_eq!(claim, 1 << 50);
    }
}
