use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

struct Vector {
    algorithm: &'static str,
    key: &'static str,
    nonce: &'static str,
    associated: &'static str,
    text: &'static str,
    sealed: &'static str,
}

/// GCM: "The Galois/Counter Mode of Operation" (McGrew, Viega), test cases 4 and 16.
const PUBLISHED: [Vector; 2] = [
    Vector {
        algorithm: "aes-128-gcm",
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        text: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        sealed: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091\
                 5bc94fbc3221a5db94fae95ae7121a47",
    },
    Vector {
        algorithm: "aes-256-gcm",
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        text: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
                 76fc6ece0f4e1768cddf8853bb2d551b",
    },
];

#[test]
fn published_vectors_seal_and_open() {
    for vector in PUBLISHED {
        let (key, nonce, associated) = (bytes(vector.key), bytes(vector.nonce), bytes(vector.associated));
        let sealing = Sealing { algorithm: vector.algorithm, key: &key, nonce: &nonce, associated: &associated };
        let (text, sealed) = (bytes(vector.text), bytes(vector.sealed));
        assert_eq!(sealing.seal(text.clone()).unwrap(), sealed, "{}", vector.algorithm);
        assert_eq!(sealing.open(sealed).unwrap(), text, "{}", vector.algorithm);
    }
}

/// Made with OpenSSL (python-cryptography `AESCCM`, tag of 16 bytes); no published vector of CCM has SMB's nonce of 11 and tag of 16 bytes.
#[test]
fn ccm_agrees_with_another_implementation() {
    let (nonce, associated): (Vec<u8>, Vec<u8>) = ((0x10..0x1b).collect(), (0..32).collect());
    let text: Vec<u8> = (0..40).collect();
    for (algorithm, length, sealed) in CCM {
        let key: Vec<u8> = (0x40..0x40 + length).collect();
        let sealing = Sealing { algorithm, key: &key, nonce: &nonce, associated: &associated };
        assert_eq!(sealing.seal(text.clone()).unwrap(), bytes(sealed), "{algorithm}");
        assert_eq!(sealing.open(bytes(sealed)).unwrap(), text, "{algorithm}");
    }
}

const CCM: [(&str, u8, &str); 2] = [
    (
        "aes-128-ccm",
        16,
        "f6f2ab3b04987b6fdbc0b9a829fa960e1562aa1cea619de8a0f82024901a38c31ead4738cb4f74dbdacb19b2f5bba8cb1b9673366407c2c2",
    ),
    (
        "aes-256-ccm",
        32,
        "259e6f89a508b9129cd80450ba6970fd592f8609709f9f7088c8c4d9ab79ae71bc3f9e81b2049d291a6e4ad99085e5358ad73fc0ec518026",
    ),
];

#[test]
fn one_changed_bit_anywhere_is_noticed() {
    for (algorithm, key, nonce) in
        [("aes-128-gcm", 16, 12), ("aes-256-gcm", 32, 12), ("aes-128-ccm", 16, 11), ("aes-256-ccm", 32, 11)]
    {
        let (key, nonce) = (vec![7; key], vec![9; nonce]);
        let sealing = Sealing { algorithm, key: &key, nonce: &nonce, associated: b"head" };
        let sealed = sealing.seal(b"text".to_vec()).unwrap();
        assert_eq!(sealed.len(), 20);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(sealing.open(changed).unwrap_err().kind, Kind::Corrupt, "{algorithm} {place}");
        }
        let other = Sealing { algorithm, key: &key, nonce: &nonce, associated: b"heat" };
        assert_eq!(other.open(sealed).unwrap_err().kind, Kind::Corrupt, "{algorithm}");
        assert_eq!(sealing.open(vec![0; 15]).unwrap_err().kind, Kind::Corrupt, "{algorithm}: shorter than a tag");
    }
}

#[test]
fn published_codes_authenticate() {
    // RFC 4231, test case 2; RFC 4493, examples 1 and 3.
    let jefe = mac("hmac-sha256", b"Jefe", &[], b"what do ya want for nothing?").unwrap();
    assert_eq!(jefe, bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
    assert_eq!(mac("aes-128-cmac", &key, &[], &[]).unwrap(), bytes("bb1d6929e95937287fa37d129b756746"));
    let message = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411");
    assert_eq!(mac("aes-128-cmac", &key, &[], &message).unwrap(), bytes("dfa66747de9ae63030ca32611497c827"));
    // The GCM paper, test case 1: a tag over nothing.
    assert_eq!(mac("aes-128-gmac", &[0; 16], &[0; 12], &[]).unwrap(), bytes("58e2fccefa7e3061367f1d57a4e7455a"));
    // GMAC is the tag of GCM over no text, whatever falls on the edge of a block, or of several that are hashed together.
    for length in [0, 1, 15, 16, 17, 40, 63, 64, 65, 128, 1000, 100_000] {
        let message: Vec<u8> = (0..length).map(|at: u32| (at * 7 % 251) as u8).collect();
        let gcm = Sealing { algorithm: "aes-128-gcm", key: &key, nonce: &[3; 12], associated: &message };
        assert_eq!(mac("aes-128-gmac", &key, &[3; 12], &message).unwrap(), gcm.seal(Vec::new()).unwrap(), "{length} bytes");
    }
}

#[test]
fn keys_and_nonces_of_another_length_and_unknown_names_are_refused() {
    let seal = |algorithm, key: usize, nonce: usize| {
        Sealing { algorithm, key: &vec![0; key], nonce: &vec![0; nonce], associated: &[] }.seal(Vec::new()).unwrap_err().kind
    };
    assert_eq!(seal("aes-128-gcm", 32, 12), Kind::Invalid);
    assert_eq!(seal("aes-256-gcm", 32, 11), Kind::Invalid);
    assert_eq!(seal("aes-128-ccm", 16, 12), Kind::Invalid);
    assert_eq!(seal("aes-256-ccm", 16, 11), Kind::Invalid);
    assert_eq!(seal("rot13", 16, 12), Kind::Unsupported);
    assert_eq!(mac("aes-128-cmac", &[0; 16], &[0; 12], &[]).unwrap_err().kind, Kind::Invalid);
    assert_eq!(mac("crc32", &[], &[], &[]).unwrap_err().kind, Kind::Unsupported);
    assert_eq!(mac("hmac-sha256", &[], &[], &vec![0; limits::SEALED_BYTES + 1]).unwrap_err().kind, Kind::Invalid);
}
