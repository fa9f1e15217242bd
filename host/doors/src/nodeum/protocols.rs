//! Protocols of a NAS and the plugins that speak them.

use capstan_api_nodeum::NasProtocol;

pub(super) const NFS: &str = "nfs";
pub(super) const SMB: &str = "smb";

/// Plugins whose targets this dialect shows as NAS shares.
pub(super) const NAS_PLUGINS: [&str; 2] = [NFS, SMB];

/// The plugin that speaks a protocol, or what to use in its place.
pub(super) fn plugin(protocol: NasProtocol) -> Result<&'static str, &'static str> {
    match protocol {
        NasProtocol::NfsV3 => Ok(NFS),
        NasProtocol::SmbV2_1 | NasProtocol::SmbV3 => Ok(SMB),
        NasProtocol::SmbV1 => Err(
            "SMB 1 is not served: it neither encrypts nor signs well, and servers are told to switch it off. Use smb_v2_1 or smb_v3",
        ),
        NasProtocol::NfsV4 => Err("NFS 4 is not served yet. Use nfs_v3, which servers of NFS 4 mostly speak as well"),
        NasProtocol::StorenextV5 => {
            Err("StorNext is not served. Share the file system from one of its clients, and use nfs_v3 or smb_v3")
        }
    }
}

/// Whether targets of a plugin are NAS shares in this dialect.
pub(super) fn is_nas(plugin: &str) -> bool {
    NAS_PLUGINS.contains(&plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_names_what_is() {
        for (protocol, instead) in
            [(NasProtocol::SmbV1, "smb_v3"), (NasProtocol::NfsV4, "nfs_v3"), (NasProtocol::StorenextV5, "nfs_v3")]
        {
            assert!(plugin(protocol).unwrap_err().contains(instead), "{protocol:?}");
        }
        assert!(
            [NasProtocol::NfsV3, NasProtocol::SmbV2_1, NasProtocol::SmbV3].into_iter().all(|one| is_nas(plugin(one).unwrap()))
        );
    }
}
