//! What the names and the texts of users and groups may hold.

use capstan_domain::identity::Person;
use capstan_domain::{Failure, Outcome};

/// Characters of a user's or a group's name.
const NAME_MAX: usize = 150;
/// Characters of an e-mail address (RFC 5321, section 4.5.3.1.3, without its brackets).
const EMAIL_MAX: usize = 254;
/// Characters of every other text about a user.
const TEXT_MAX: usize = 150;
/// Characters of a group's description.
const DESCRIPTION_MAX: usize = 1000;

/// Letters, digits and `@.+-_`.
pub(crate) fn check_user_name(name: &str) -> Outcome<()> {
    let allowed = |c: char| c.is_alphanumeric() || "@.+-_".contains(c);
    if name.is_empty() {
        return Err(Failure::invalid("a user name cannot be empty").with_code("blank"));
    }
    if name.chars().count() > NAME_MAX {
        return Err(Failure::invalid(format!("a user name has at most {NAME_MAX} characters")).with_code("too-long"));
    }
    if !name.chars().all(allowed) {
        return Err(Failure::invalid("a user name holds letters, digits and @/./+/-/_ only").with_code("name"));
    }
    Ok(())
}

pub(crate) fn check_group_name(name: &str) -> Outcome<()> {
    if name.is_empty() {
        return Err(Failure::invalid("a group's name cannot be empty").with_code("blank"));
    }
    if name.chars().count() > NAME_MAX {
        return Err(Failure::invalid(format!("a group's name has at most {NAME_MAX} characters")).with_code("too-long"));
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Failure::invalid("a group's name holds neither whitespace nor control characters").with_code("name"));
    }
    Ok(())
}

pub(crate) fn check_description(text: &str) -> Outcome<()> {
    check_text("description", text, DESCRIPTION_MAX)
}

pub(crate) fn check_person(person: &Person) -> Outcome<()> {
    let profile = &person.profile;
    check_text("email", &person.email, EMAIL_MAX)?;
    if !person.email.is_empty() && !is_address(&person.email) {
        return Err(Failure::invalid("the email is no e-mail address").with_code("email"));
    }
    for (what, text) in [
        ("first_name", &person.first_name),
        ("last_name", &person.last_name),
        ("country", &profile.country),
        ("department", &profile.department),
        ("line_manager", &profile.line_manager),
        ("phone", &profile.phone),
        ("timezone", &profile.timezone),
    ] {
        check_text(what, text, TEXT_MAX)?;
    }
    Ok(())
}

/// Something on either side of the one `@`, and no whitespace: what it really is, only a mail shows.
fn is_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    parts.len() == 2 && parts.iter().all(|part| !part.is_empty()) && !text.chars().any(char::is_whitespace)
}

/// `Invalid` with `what` as its code.
fn check_text(what: &str, text: &str, most: usize) -> Outcome<()> {
    if text.chars().count() > most {
        return Err(Failure::invalid(format!("{what} has at most {most} characters")).with_code(what));
    }
    if text.chars().any(char::is_control) {
        return Err(Failure::invalid(format!("{what} holds no control characters")).with_code(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_letters_digits_and_a_few_signs() {
        for good in ["ada", "ada.l@example.org", "a+b-c_d", "Zoë7", &"x".repeat(NAME_MAX)] {
            check_user_name(good).unwrap();
        }
        for bad in ["", "ada l", "a/b", "a:b", "a\n", &"x".repeat(NAME_MAX + 1)] {
            assert!(check_user_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_group_has_no_whitespace_in_its_name() {
        check_group_name("Film/Sound").unwrap();
        for bad in ["", "two words", "tab\t", "wide\u{3000}"] {
            assert!(check_group_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_email_is_an_address_or_absent() {
        let with = |email: &str| Person { email: email.to_owned(), ..Person::default() };
        for good in ["", "ada@example.org"] {
            check_person(&with(good)).unwrap();
        }
        for bad in ["ada", "@example.org", "a@b@c", "a b@c"] {
            assert!(check_person(&with(bad)).is_err(), "{bad}");
        }
    }
}
