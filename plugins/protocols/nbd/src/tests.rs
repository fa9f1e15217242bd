//! Rules of the protocol, and servers that break them.

use crate::peer::*;
use crate::{Answer, Client, Cookie, Denial, Errno, Error, Event, Extent, Refused, Request, bounds};

const READ: Request = Request::Read { offset: 4096, length: 1024 };

fn done(client: &mut Client) -> (Cookie, Result<Answer, Errno>) {
    match client.event() {
        Some(Event::Done(cookie, answer)) => (cookie, answer),
        other => panic!("{other:?}"),
    }
}

/// What the bytes make of one request that a client has under way.
fn answer(request: Request, bytes: &[u8]) -> Result<Option<Result<Answer, Errno>>, Error> {
    let mut client = open();
    assert_eq!(client.submit(request), Ok(Cookie(1)));
    client.receive(bytes)?;
    Ok(client.event().map(|event| match event {
        Event::Done(_, answer) => answer,
        Event::Ready(_) => panic!("it was open"),
    }))
}

#[test]
fn the_negotiation_goes_step_by_step_and_ends_with_the_export() {
    let mut client = Client::new("disk").unwrap();
    assert_eq!(client.transmit(), b"");
    client.receive(&greeting(3)).unwrap();
    let sent = client.transmit();
    // Both flags are taken, then structured replies are asked for.
    assert_eq!((&sent[..4], &sent[4..12], &sent[12..]), (&[0, 0, 0, 3][..], &b"IHAVEOPT"[..], &[0, 0, 0, 8, 0, 0, 0, 0][..]));
    client.receive(&option_reply(8, 1, b"")).unwrap();
    let sent = client.transmit();
    assert_eq!((&sent[8..12], &sent[16..24]), (&[0, 0, 0, 10][..], &b"\0\0\0\x04disk"[..]));
    assert!(sent.ends_with(b"\0\0\0\x01\0\0\0\x0fbase:allocation"));
    client.receive(&option_reply(10, 4, &context(7, b"base:allocation"))).unwrap();
    client.receive(&option_reply(10, 1, b"")).unwrap();
    let sent = client.transmit();
    assert_eq!((&sent[8..12], &sent[12..]), (&[0, 0, 0, 7][..], &b"\0\0\0\x0c\0\0\0\x04disk\0\x01\0\x03"[..]));
    assert_eq!(client.submit(READ), Err(Refused::NotNow));
    client.receive(&option_reply(7, 3, &export_info(SIZE, ALL))).unwrap();
    client.receive(&option_reply(7, 3, &block_info([512, 4096, 32 << 20]))).unwrap();
    // What a client does not know it passes over.
    client.receive(&option_reply(7, 3, &[0, 9, 1, 2, 3])).unwrap();
    client.receive(&option_reply(7, 1, b"")).unwrap();
    let export = client.export().unwrap();
    assert_eq!(client.event(), Some(Event::Ready(export)));
    assert_eq!((export.size, export.minimum_block, export.maximum_payload), (SIZE, 512, 32 << 20));
    assert!(export.allocation && export.can_flush() && export.can_write_zeroes() && !export.is_read_only());
    assert!(client.is_idle());
}

#[test]
fn the_same_comes_out_however_the_bytes_are_cut() {
    let status = status(3, true, 7, &[(512, 0), (4096, 3)]);
    let answers = [data(1, false, 4608, &[2; 512]), simple(2, 0, b""), data(1, true, 4096, &[1; 512]), status].concat();
    for cut in 1..40 {
        let mut client = Client::new("disk").unwrap();
        welcome(SIZE, ALL).chunks(cut).for_each(|piece| client.receive(piece).unwrap());
        assert!(matches!(client.event(), Some(Event::Ready(_))));
        let read = client.submit(READ).unwrap();
        let flush = client.submit(Request::Flush).unwrap();
        let status = client.submit(Request::BlockStatus { offset: 0, length: 1024 }).unwrap();
        answers.chunks(cut).for_each(|piece| client.receive(piece).unwrap());
        assert_eq!(done(&mut client), (flush, Ok(Answer::Done)));
        assert_eq!(done(&mut client), (read, Ok(Answer::Data([[1; 512], [2; 512]].concat()))));
        let extents = vec![Extent { length: 512, hole: false, zero: false }, Extent { length: 512, hole: true, zero: true }];
        assert_eq!(done(&mut client), (status, Ok(Answer::Extents(extents))));
        assert_eq!(client.unanswered(), 0);
    }
}

#[test]
fn a_server_without_options_is_used_without_them() {
    let plain = |refusals: [u32; 2]| {
        let [structured, context] = refusals.map(|kind| kind | 1 << 31);
        let mut all = [greeting(1), option_reply(8, structured, b"no")].concat();
        if structured == 1 {
            all.extend(option_reply(10, context, b"no"));
        }
        all.extend(option_reply(7, 3, &export_info(SIZE, ALL)));
        all.extend(option_reply(7, 1, b""));
        all
    };
    let mut client = opened(&plain([1, 1]));
    let export = client.export().unwrap();
    assert_eq!((export.allocation, export.minimum_block, export.maximum_payload), (false, 1, 32 << 20));
    assert_eq!(client.submit(Request::BlockStatus { offset: 0, length: 1 }), Err(Refused::Unsupported("this request")));
    client.submit(Request::Read { offset: 3, length: 2 }).unwrap();
    client.receive(&simple(1, 0, b"ab")).unwrap();
    assert_eq!(done(&mut client).1, Ok(Answer::Data(b"ab".to_vec())));
    client.submit(Request::Read { offset: 3, length: 2 }).unwrap();
    assert!(client.receive(&data(2, true, 3, b"ab")).is_err(), "structured replies were not agreed upon");
}

#[test]
fn what_is_no_server_of_this_protocol_is_told_at_once() {
    let first = |bytes: &[u8]| Client::new("disk").unwrap().receive(bytes).unwrap_err();
    assert_eq!(first(b"HTTP/1.1 400 Bad Request\r\n"), Error::NotNbd);
    assert_eq!(first(&[b"NBDMAGIC".as_slice(), &[0; 10]].concat()), Error::TooOld);
    assert_eq!(first(&greeting(2)), Error::TooOld);
    assert_eq!(first(&[greeting(3), b"12345678901234567890".to_vec()].concat()), Error::Protocol("option reply"));
    assert!(Client::new(&"x".repeat(4097)).is_err());
}

#[test]
fn an_export_that_is_not_given_is_said_with_the_servers_reason() {
    let refused = |kind: u32| {
        let all = [greeting(3), option_reply(8, 1, b""), option_reply(10, 1, b""), option_reply(7, 1 << 31 | kind, b"no\n such")];
        Client::new("disk").unwrap().receive(&all.concat()).unwrap_err()
    };
    assert_eq!(refused(6), Error::Denied { denial: Denial::Unknown, words: "no such".to_owned() });
    assert!(matches!(refused(5), Error::Denied { denial: Denial::TlsRequired, .. }));
    assert!(matches!(refused(99), Error::Denied { denial: Denial::Other(99), .. }));
    let tls = [greeting(3), option_reply(8, 1 << 31 | 5, b"")].concat();
    assert!(matches!(Client::new("d").unwrap().receive(&tls).unwrap_err(), Error::Denied { denial: Denial::TlsRequired, .. }));
}

#[test]
fn a_negotiation_that_lies_ends() {
    let begun = [greeting(3), option_reply(8, 1, b""), option_reply(10, 1, b"")].concat();
    for (why, bytes) in [
        ("another option", option_reply(3, 1, b"")),
        ("no export at all", option_reply(7, 1, b"")),
        ("an export beyond 63 bits", option_reply(7, 3, &export_info(1 << 63, ALL))),
        ("half an export", option_reply(7, 3, &[0, 0, 1])),
        ("a reply without end", option_reply(7, 3, &vec![9; bounds::OPTION_BYTES + 1])),
        ("a type nobody knows", option_reply(7, 77, b"")),
        (
            "blocks of three bytes",
            [
                option_reply(7, 3, &export_info(SIZE, ALL)),
                option_reply(7, 3, &block_info([3, 4096, 4096])),
                option_reply(7, 1, b""),
            ]
            .concat(),
        ),
        ("replies for ever", option_reply(7, 3, &[0, 9]).repeat(bounds::OPTION_REPLIES + 1)),
    ] {
        let mut client = Client::new("disk").unwrap();
        client.receive(&begun).unwrap();
        assert!(client.receive(&bytes).is_err(), "{why}");
        assert!(client.submit(READ).is_err() && client.receive(b"x").is_err(), "{why}: it stays ended");
    }
    let strange = [greeting(3), option_reply(8, 1, b""), option_reply(10, 4, &context(1, b"qemu:dirty"))].concat();
    assert!(Client::new("disk").unwrap().receive(&strange).is_err());
}

#[test]
fn requests_look_as_the_document_draws_them() {
    let mut client = open();
    client.submit(Request::WriteZeroes { offset: 512, length: 1024, hole: false }).unwrap();
    let sent = client.transmit();
    assert_eq!(sent[..8], [0x25, 0x60, 0x95, 0x13, 0, 2, 0, 6], "NO_HOLE keeps the room");
    assert_eq!(
        (&sent[8..16], &sent[16..24], &sent[24..]),
        (&1_u64.to_be_bytes()[..], &512_u64.to_be_bytes()[..], &[0, 0, 4, 0][..])
    );
    client.submit(Request::WriteZeroes { offset: 0, length: 512, hole: true }).unwrap();
    assert_eq!(client.transmit()[4..8], [0, 0, 0, 6]);
    client.submit(Request::Write { offset: 0, length: 512 }).unwrap();
    assert!(client.submit(Request::Flush).is_err(), "nothing goes between a WRITE and its payload");
    assert_eq!(client.transmit().len(), 28, "the payload is the caller's to send");
    client.disconnect();
    let sent = client.transmit();
    assert_eq!((sent.len(), &sent[4..8]), (28, &[0, 0, 0, 2][..]));
    assert_eq!((client.submit(Request::Flush), client.unanswered()), (Err(Refused::NotNow), 0));
    client.receive(b"whatever still comes").unwrap();
}

#[test]
fn what_cannot_be_asked_never_leaves() {
    let mut client = open();
    for wrong in [
        Request::Read { offset: 0, length: 0 },
        Request::Read { offset: 1, length: 512 },
        Request::Read { offset: 0, length: 100 },
        Request::Read { offset: SIZE, length: 512 },
        Request::Read { offset: SIZE - 512, length: 1024 },
        Request::Write { offset: u64::MAX - 511, length: 512 },
        Request::Trim { offset: 0, length: u32::MAX },
    ] {
        assert!(matches!(client.submit(wrong), Err(Refused::Invalid(_))), "{wrong:?}");
    }
    let mut large = opened(&welcome(1 << 40, ALL));
    assert!(large.submit(Request::Read { offset: 0, length: (32 << 20) + 512 }).is_err());
    assert!(large.submit(Request::WriteZeroes { offset: 0, length: 1 << 30, hole: true }).is_ok(), "zeros carry nothing");
    let mut closed = opened(&welcome(SIZE, ALL | 2));
    assert!(matches!(closed.submit(Request::Write { offset: 0, length: 512 }), Err(Refused::Unsupported(_))));
    let mut plain = opened(&welcome(SIZE, 1));
    assert!(matches!(plain.submit(Request::Flush), Err(Refused::Unsupported(_))));
    assert_eq!((client.transmit(), closed.transmit(), plain.transmit()), (vec![], vec![], vec![]));
}

#[test]
fn requests_and_the_memory_of_their_answers_have_a_bound() {
    let mut client = opened(&welcome(1 << 40, ALL));
    for _ in 0..bounds::REQUESTS {
        client.submit(Request::Flush).unwrap();
    }
    assert_eq!(client.submit(Request::Flush), Err(Refused::Full));
    client.receive(&simple(5, 0, b"")).unwrap();
    assert!(client.submit(Request::Flush).is_ok());
    let mut client = opened(&welcome(1 << 40, ALL));
    let read = Request::Read { offset: 0, length: 32 << 20 };
    assert!(client.submit(read).is_ok() && client.submit(read).is_ok());
    assert_eq!(client.submit(Request::Read { offset: 0, length: 512 }), Err(Refused::Full));
}

#[test]
fn holes_are_zeros_and_errors_leave_the_connection_good() {
    let holes = [hole(1, false, 4096, 512), data(1, false, 4608, &[5; 512]), chunk(1, true, 0, b"")].concat();
    assert_eq!(answer(READ, &holes).unwrap().unwrap(), Ok(Answer::Data([[0; 512], [5; 512]].concat())));
    for (bytes, errno) in [
        (error(1, true, 5), Errno::IO),
        (simple(1, 28, b""), Errno::NOSPC),
        // What came before an error is not believed.
        (
            [data(1, false, 4096, &[1; 1024]), error(1, false, 1), error(1, false, 5), chunk(1, true, 0, b"")].concat(),
            Errno::PERM,
        ),
    ] {
        assert_eq!(answer(READ, &bytes).unwrap().unwrap(), Err(errno));
    }
    let mut client = open();
    client.submit(READ).unwrap();
    client.receive(&error(1, true, 5)).unwrap();
    assert_eq!(done(&mut client).1, Err(Errno::IO));
    let _ = client.transmit();
    assert!(client.is_idle() && client.submit(Request::Flush).is_ok());
}

#[test]
fn data_that_was_not_asked_for_ends_the_connection() {
    for (why, bytes) in [
        ("a magic nobody knows", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ("a cookie of nobody", data(2, true, 4096, &[1; 1024])),
        ("a simple reply to a READ", simple(1, 0, &[1; 1024])),
        ("before the range", data(1, true, 4095, &[1; 1024])),
        ("behind the range", data(1, true, 4097, &[1; 1024])),
        ("far behind it", data(1, true, u64::MAX, &[1; 8])),
        ("more than was asked for", data(1, true, 4096, &[1; 1025])),
        ("less than was asked for", data(1, true, 4096, &[1; 1023])),
        ("nothing", chunk(1, true, 0, b"")),
        ("no data in data", data(1, true, 4096, b"")),
        ("not even an offset", chunk(1, true, 1, &[0; 7])),
        ("twice the same", [data(1, false, 4096, &[1; 512]), data(1, false, 4096, &[1; 512])].concat()),
        ("an overlap", [data(1, false, 4096, &[1; 512]), hole(1, true, 4352, 768)].concat()),
        ("a hole of nothing", hole(1, false, 4096, 0)),
        ("a hole that is too long", hole(1, true, 4096, 1025)),
        ("a hole with more in it", chunk(1, true, 2, &[0; 13])),
        ("block status", status(1, true, 7, &[(512, 0)])),
        ("an end that is none", chunk(1, false, 0, b"")),
        ("an end with something in it", chunk(1, true, 0, b"x")),
        ("a type nobody knows", chunk(1, true, 99, b"")),
        ("an error that is none", error(1, true, 0)),
        ("an error without a number", chunk(1, true, 1 << 15 | 1, b"")),
        ("a novel", chunk(1, true, 1 << 15 | 1, &vec![b'x'; bounds::WORDS_BYTES as usize + 1])),
    ] {
        assert!(answer(READ, &bytes).is_err(), "{why}");
    }
    let thousands: Vec<u8> = (0..=bounds::ERROR_CHUNKS).flat_map(|_| error(1, false, 5)).collect();
    assert!(answer(READ, &thousands).is_err());
}

#[test]
fn block_status_is_of_the_context_and_within_the_range() {
    let request = Request::BlockStatus { offset: 512, length: 1024 };
    let extents = |lengths: &[(u32, u32)]| answer(request, &status(1, true, 7, lengths));
    // Its end may lie behind the range ("NBD_REPLY_TYPE_BLOCK_STATUS"); less than the range is an answer too.
    let Ok(Some(Ok(Answer::Extents(found)))) = extents(&[(512, 0), (1 << 20, 2)]) else { panic!("no extents") };
    assert_eq!(found.iter().map(|extent| extent.length).sum::<u64>(), 1024);
    assert!(matches!(extents(&[(512, 1)]), Ok(Some(Ok(_)))));
    for wrong in [&[(0, 0)][..], &[], &[(1024, 0), (512, 0)]] {
        assert!(extents(wrong).is_err(), "{wrong:?}");
    }
    assert!(answer(request, &status(1, true, 8, &[(512, 0)])).is_err(), "another context");
    assert!(answer(request, &status(1, false, 7, &[(512, 0)]).repeat(2)).is_err(), "twice");
    assert!(answer(request, &chunk(1, true, 5, &[0, 0, 0, 7, 1, 2])).is_err(), "half an extent");
    assert!(answer(request, &chunk(1, true, 0, b"")).is_err(), "nothing");
    assert!(answer(request, &simple(1, 0, b"")).is_err(), "a simple reply");
    assert_eq!(answer(request, &simple(1, 22, b"")).unwrap().unwrap(), Err(Errno::INVAL));
}

#[test]
fn whatever_comes_the_client_neither_panics_nor_grows() {
    // A small generator of its own: the same bytes each time.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let good = [welcome(SIZE, ALL), data(1, false, 4096, &[1; 512]), hole(1, true, 4608, 512), status(2, true, 7, &[(512, 0)])];
    let good = good.concat();
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=random() % 4 {
            let at = usize::try_from(random()).unwrap() % bytes.len();
            bytes[at] = random().to_le_bytes()[0];
        }
        let mut client = Client::new("disk").unwrap();
        for piece in bytes.chunks(1 + usize::try_from(random() % 97).unwrap()) {
            if client.receive(piece).is_err() {
                break;
            }
            if matches!(client.event(), Some(Event::Ready(_))) {
                let _ = client.submit(READ);
                let _ = client.submit(Request::BlockStatus { offset: 0, length: 512 });
            }
            assert!(client.held.len() <= bounds::STATUS_BYTES as usize);
        }
    }
}
