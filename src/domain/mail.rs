//! The letters Kith writes. A code stands alone on its line and is the only run of six digits.

use super::Ctx;
use super::jobs::{self, Job};
use crate::db::Conn;
use crate::error::AppResult;
use crate::mail::Mail;

/// What a letter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter<'a> {
    /// The code that verifies an address.
    Confirm { username: &'a str, code: &'a str },
    /// Someone registered with the address of an account.
    AlreadyRegistered { username: &'a str },
    /// The code for a new password.
    Reset { username: &'a str, code: &'a str },
    /// The password was changed.
    PasswordChanged { username: &'a str },
    /// A second factor is asked for from now on, or no more.
    SecondFactor { username: &'a str, on: bool },
    /// An archive is ready.
    Archive { username: &'a str },
    /// The account will be deleted on a day, or will not be after all.
    Leaving {
        username: &'a str,
        day: Option<&'a str>,
    },
    /// A moderator let them in.
    Approved { username: &'a str },
    /// Moderators did something about the account. `appeal_secret`: for who cannot sign in.
    Strike {
        username: &'a str,
        /// As the API names it.
        action: &'a str,
        text: &'a str,
        appeal_secret: Option<&'a str>,
    },
    /// An appeal was decided on.
    AppealDecided { username: &'a str, approved: bool },
    /// What was not read: how much of it, and the newest in a sentence each.
    Digest {
        username: &'a str,
        unread: i64,
        lines: &'a [String],
        url: &'a str,
    },
}

/// Puts a letter into the queue.
pub async fn send(tx: &mut Conn, ctx: &Ctx, to: &str, letter: Letter<'_>) -> AppResult<()> {
    let appeal_url = ctx.config.url("/api/kith/v1/strikes/appeal");
    let mail = write(&place(ctx), &appeal_url, to, letter);
    jobs::enqueue(tx, ctx, &Job::Mail(mail)).await
}

fn place(ctx: &Ctx) -> String {
    // Six digits in a row are the code's alone: a port has five at most, a host may have more.
    let place = &ctx.config.account_domain;
    if has_six_digits(place) {
        "Kith".to_owned()
    } else {
        place.clone()
    }
}

fn has_six_digits(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit())
        .any(|run| run.len() >= 6)
}

fn write(place: &str, appeal_url: &str, to: &str, letter: Letter<'_>) -> Mail {
    let name = |username: &str| {
        if has_six_digits(username) {
            String::new()
        } else {
            format!(" {username}")
        }
    };
    let (subject, text) = match letter {
        Letter::Confirm { username, code } => (
            format!("Your code for {place}"),
            format!(
                "Hello{},\n\nthis is the code that verifies your e-mail address on {place}:\n\n{code}\n\n\
                 It is good for ten minutes. If you did not sign up, ignore this letter.\n",
                name(username)
            ),
        ),
        Letter::AlreadyRegistered { username } => (
            format!("You already have an account on {place}"),
            format!(
                "Hello{},\n\nsomeone signed up on {place} with your e-mail address, which your account already \
                 has. If it was you, sign in instead, or ask for a new password. If not, there is \
                 nothing to do: no other account was made for this address.\n",
                name(username)
            ),
        ),
        Letter::Reset { username, code } => (
            format!("Your code for a new password on {place}"),
            format!(
                "Hello{},\n\nwith this code you can set a new password on {place}:\n\n{code}\n\nIt is good for ten \
                 minutes. If you did not ask for it, ignore this letter: your password stays as it is.\n",
                name(username)
            ),
        ),
        Letter::PasswordChanged { username } => (
            format!("Your password on {place} was changed"),
            format!(
                "Hello{},\n\nthe password of your account on {place} was changed, and other sessions were ended. If \
                 it was not you, ask for a new password at once.\n",
                name(username)
            ),
        ),
        Letter::SecondFactor { username, on } => (
            format!(
                "One-time passwords are {} on {place}",
                if on { "in use" } else { "no longer in use" }
            ),
            format!(
                "Hello{},\n\n{} your account on {place}, and other sessions were ended. If it was not you, \
                 change your password at once.\n",
                name(username),
                if on {
                    "from now on a one-time password is asked for when someone signs in to"
                } else {
                    "a one-time password is no longer asked for when someone signs in to"
                }
            ),
        ),
        Letter::Digest {
            username,
            unread,
            lines,
            url,
        } => (
            format!("What happened on {place}"),
            format!(
                "Hello{},\n\nyou have {unread} unread notification{} on {place}. The newest:\n\n{}\n\n{url}\n\n\
                 You get this letter because you asked for it; your profile's settings end it.\n",
                name(username),
                if unread == 1 { "" } else { "s" },
                lines
                    .iter()
                    .map(|line| format!("- {line}"))
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
        ),
        Letter::Archive { username } => (
            format!("Your archive on {place} is ready"),
            format!(
                "Hello{},\n\nthe archive of your account on {place} is ready. Sign in to fetch it; it is kept \
                 for a week. If it was not you who asked for it, change your password.\n",
                name(username)
            ),
        ),
        Letter::Leaving {
            username,
            day: Some(day),
        } => (
            format!("Your account on {place} is about to be deleted"),
            format!(
                "Hello{},\n\nyour account on {place} is hidden from now on, and will be deleted on {day}, with \
                 all that belongs to it. Until then you can sign in and take that back; afterwards nobody can. \
                 If it was not you who asked for it, sign in, take it back and change your password.\n",
                name(username)
            ),
        ),
        Letter::Leaving {
            username,
            day: None,
        } => (
            format!("Your account on {place} stays"),
            format!(
                "Hello{},\n\nyour account on {place} will not be deleted. It is there again as it was.\n",
                name(username)
            ),
        ),
        Letter::Strike {
            username,
            action,
            text,
            appeal_secret,
        } => {
            let did = match action {
                "sensitive" => "all files that you post are shown as sensitive from now on",
                "disable" => "you cannot sign in any more; your profile and your posts stay",
                "silence" => "your posts are shown to those who follow you alone from now on",
                "suspend" => {
                    "your account was suspended: nobody sees your profile or your posts any more, \
                     and you cannot sign in"
                }
                _ => "you are warned; nothing else was done",
            };
            let said = match text.trim() {
                "" => String::new(),
                text => format!("\n\nThey say:\n\n{text}"),
            };
            let appeal = match appeal_secret {
                Some(secret) => format!(
                    "You may appeal once, within 20 days: with POST {appeal_url} and, as `token`,\n\n\
                     {secret}\n\nand your reasons as `text`; or answer this letter."
                ),
                None => "You may appeal once, within 20 days, in your account's list of strikes."
                    .to_owned(),
            };
            (
                match action {
                    "suspend" => format!("Your account on {place} was suspended"),
                    "disable" => format!("Your account on {place} was disabled"),
                    "silence" => format!("Your account on {place} was limited"),
                    _ => format!("A warning about your account on {place}"),
                },
                format!(
                    "Hello{},\n\nthe moderators of {place} looked at your account: {did}.{said}\n\n{appeal}\n",
                    name(username)
                ),
            )
        }
        Letter::AppealDecided { username, approved } => (
            format!(
                "Your appeal on {place} was {}",
                if approved { "approved" } else { "rejected" }
            ),
            format!(
                "Hello{},\n\nyour appeal on {place} was {}\n",
                name(username),
                if approved {
                    "approved: what was done about your account was taken back."
                } else {
                    "rejected: what was done about your account stands."
                }
            ),
        ),
        Letter::Approved { username } => (
            format!("Welcome to {place}"),
            format!(
                "Hello{},\n\nyour registration on {place} was approved: you can sign in now.\n",
                name(username)
            ),
        ),
    };
    Mail {
        to: to.to_owned(),
        subject,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_alone_and_is_the_only_run_of_six_digits() {
        for letter in [
            Letter::Confirm {
                username: "u1234567",
                code: "012345",
            },
            Letter::Reset {
                username: "someone",
                code: "012345",
            },
        ] {
            let mail = write("localhost:18080", "", "a@b.example", letter);
            assert!(mail.text.lines().any(|line| line == "012345"));
            let runs: Vec<&str> = mail
                .text
                .split(|c: char| !c.is_ascii_digit())
                .filter(|run| run.len() >= 6)
                .collect();
            assert_eq!(runs, ["012345"]);
        }
    }
}
