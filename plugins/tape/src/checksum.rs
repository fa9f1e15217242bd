//! The checksums of blocks, where the drive knows them. The host computes them.

use capstan_initiator::Outside;
use capstan_scsi::tape::protection;
use capstan_sdk::failure::{corrupt, invalid};
use capstan_sdk::{Blame, Outcome};

use crate::outside::Host;

fn crc32c(bytes: &[u8]) -> Outcome<u32> {
    let digest: Option<[u8; 4]> = Host::digest("crc32c", bytes)?.try_into().ok();
    digest.map(u32::from_be_bytes).ok_or_else(|| invalid("a checksum of another length").blame(Blame::Host))
}

/// The block as it goes to the drive.
pub(crate) fn seal(mut block: Vec<u8>) -> Outcome<Vec<u8>> {
    let crc = crc32c(&block)?;
    protection::seal(&mut block, crc);
    Ok(block)
}

/// The block as it was before it went to the drive, or the failure that it is not.
pub(crate) fn unseal(mut block: Vec<u8>, subject: &str) -> Outcome<Vec<u8>> {
    let told = protection::unseal(&mut block);
    if told == Some(crc32c(&block)?) {
        return Ok(block);
    }
    Err(corrupt(format!("a block from {subject} does not have the checksum that it was written with"))
        .code("block-checksum")
        .next_step("Read it again; if it comes again, in another drive."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_with_its_checksum_or_not_at_all() {
        let sealed = seal(b"123456789".to_vec()).unwrap();
        assert_eq!(sealed[9..], [0x83, 0x92, 0x06, 0xe3]);
        assert_eq!(unseal(sealed.clone(), "x").unwrap(), b"123456789");
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 0x10;
            assert_eq!(unseal(broken, "x").unwrap_err().fault().code.as_deref(), Some("block-checksum"));
        }
        assert!(unseal(vec![1, 2, 3], "x").is_err());
    }
}
