//! How the commands present themselves. After a change that is meant: `INSTA_UPDATE=always`.

/// The short help of a command, by its words.
fn help(words: &[&str]) -> String {
    let mut command = kith::cli::command();
    command.build();
    let mut found = &mut command;
    for word in words {
        found = found
            .find_subcommand_mut(word)
            .expect("there is such a command");
    }
    found.render_help().to_string()
}

#[test]
fn help_reads_well() {
    for words in [
        &["backup"][..],
        &["backup", "verify"],
        &["restore"],
        &["move-database"],
        &["doctor"],
        &["media"],
        &["media", "usage"],
        &["media", "prune"],
        &["media", "refetch"],
        &["media", "move"],
        &["media", "verify"],
    ] {
        insta::assert_snapshot!(format!("help_{}", words.join("_")), help(words));
    }
}
