//! Power goes after any step: what was durable is there, and only that or all that was to become durable.

use super::*;

#[test]
fn power_may_go_at_any_step() {
    let (mut tape, mut volume) = formatted();
    write(&mut tape, &mut volume, "a", &bytes(1, 100_000));
    sync(&mut tape, &mut volume, Form::Due);
    let (durable, before) = (tape.objects.len(), contents(&volume));
    let at = volume.append_at();
    write(&mut tape, &mut volume, "b", &bytes(2, 200_000));
    volume.remove("a").unwrap();
    sync(&mut tape, &mut volume, Form::Due);
    for left in durable..tape.objects.len() {
        let mut cut = Tape { objects: tape.objects[..left].to_vec(), ..Tape::default() };
        let (mut mounted, report) = mount(&cut).unwrap();
        assert_eq!((contents(&mounted), mounted.append_at()), (before.clone(), at), "{left}");
        assert!(report.is_sound());
        // What is appended goes over what was left.
        cut.objects.truncate(usize::try_from(at.object).unwrap());
        write(&mut cut, &mut mounted, "c", b"again");
        sync(&mut cut, &mut mounted, Form::Due);
        let (again, _) = mount(&cut).unwrap();
        assert_eq!((read(&cut, &again, "c"), read(&cut, &again, "a")), (b"again".to_vec(), bytes(1, 100_000)));
    }
    let (mounted, _) = mount(&tape).unwrap();
    assert_eq!(contents(&mounted), contents(&volume));
}

#[test]
fn a_format_that_did_not_end_is_no_volume() {
    let (tape, _) = formatted();
    let cut = Tape { objects: tape.objects[..1].to_vec(), ..Tape::default() };
    assert_eq!(mount(&cut).unwrap_err(), MountFailure::NotOurs);
}
