//! What the settings take and what they refuse, in the words that an administrator reads.

use super::*;

#[track_caller]
fn refused(text: &str) -> String {
    Config::parse(text).expect_err("these settings must be refused").to_string()
}

#[test]
fn the_file_that_ships_holds_by_itself() {
    let config = Config::parse("").unwrap();
    assert_eq!(config.timezone, "Asia/Shanghai");
    assert_eq!(config.http.address().unwrap().unwrap().to_string(), "127.0.0.1:0");
    assert_eq!(config.drain, Span { ms: 10_000 });
    assert!(config.plugin.is_empty());
    assert_eq!(config.tell.action().unwrap().unwrap().to_string(), "email.send");
}

#[test]
fn one_key_of_a_section_leaves_the_others_as_they_are() {
    let config = Config::parse("[engine]\nattempts_max = 7\n").unwrap();
    assert_eq!(config.engine.attempts_max.get(), 7);
    assert_eq!(config.engine.requests_max.get(), 10_000);
}

#[test]
fn all_unknown_keys_are_named_with_the_nearest_known_one() {
    assert_eq!(
        refused("timezon = 'UTC'\n[htttp]\n[engine]\nattempts = 1\n[retry]\nzebra = 1\n"),
        "there is no setting `timezon`; did you mean `timezone`?; there is no setting `htttp`; did you mean `http`?; \
         there is no setting `engine.attempts`; did you mean `attempts_max`?; there is no setting `retry.zebra`"
    );
}

#[test]
fn a_plugins_settings_are_its_own_business() {
    let config =
        Config::parse("[plugin.email]\ntransport = 'smtp'\npassword = { secret = 'smtp' }\n").unwrap();
    assert_eq!(config.plugin["email"]["transport"].as_str(), Some("smtp"));
}

#[test]
fn group_chats_have_names_of_their_own_and_only_keys_that_are_meant() {
    let chat =
        |keys: &str| format!("[tell.chat.hotline]\nkind = 'dingtalk'\naddress = {{ secret = 'a' }}\n{keys}");
    let config = Config::parse(&chat("sign = { secret = 's' }\nfor = ['group:热线']")).unwrap();
    let chat_of = config.tell.chat["hotline"].of("hotline");
    assert_eq!(chat_of.secrets, ["a".into(), "s".into()]);
    assert_eq!(chat_of.with["kind"], "dingtalk");
    assert!(refused(&chat("key = 'a'")).contains("unknown field `key`"));
    assert!(refused(&chat("for = ['热线']")).contains("tell.chat.hotline: for: \"热线\" is none of"));
    assert!(refused("[tell.chat.a]\nkind = 'slack'\naddress = { secret = 'a' }").contains("wecom"));
    assert!(refused("[tell.chat.a]\nkind = 'wecom'\naddress = 'https://…'").contains("address"));
    let signed = "[tell.chat.a]\nkind = 'wecom'\naddress = { secret = 'a' }\nsign = { secret = 's' }";
    assert!(refused(signed).contains("not signed"));
}

#[test]
fn nothing_but_loopback_is_listened_on() {
    assert!(refused("[http]\nlisten = '0.0.0.0:8723'").contains("is not loopback"));
    assert!(refused("[http]\nlisten = 'localhost'").contains("is no address"));
    assert!(Config::parse("[http]\nlisten = '[::1]:8723'").is_ok());
    assert_eq!(Config::parse("[http]\nlisten = ''").unwrap().http.address(), Ok(None));
}

#[test]
fn who_is_found_at_another_address_than_loopback_stands_behind_a_proxy() {
    let behind = |text: &str| {
        let config = Config::parse(text).unwrap();
        config.http.behind_proxy.holds(&config.url)
    };
    for (url, proxy) in [
        ("", false),
        ("https://yizhan.example.com", true),
        ("https://yizhan.example.com:8443/at", true),
        ("http://127.0.0.1:8723", false),
        ("http://localhost:8723/", false),
        ("http://[::1]:8723", false),
        ("http://[2001:db8::1]/", true),
    ] {
        assert_eq!(behind(&format!("url = \"{url}\"")), proxy, "{url}");
    }
    assert!(behind("[http]\nbehind_proxy = \"yes\""));
    assert!(!behind("url = \"https://yizhan.example.com\"\n[http]\nbehind_proxy = \"no\""));
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_their_key() {
    assert!(refused("drain = 10").contains("drain"), "{}", refused("drain = 10"));
    assert!(refused("[engine]\nattempts_max = 0").contains("attempts_max"));
    assert!(refused("timezone = 'Asia/Shanghia'").contains("did you mean `Asia/Shanghai`?"));
    assert!(refused("owner = 'li.na'").contains("none of"));
    assert!(refused("drain = '10m'").contains("drain"));
    assert!(refused("[tell]\nuse = 'email'").contains("no action"));
    assert!(refused("not toml").contains("not TOML"));
}

const MAILBOX: &str =
    "[mail.orders]\nhost = 'imap.example.com'\nuser = 'orders'\npassword = { secret = 'orders' }\n";

#[test]
fn a_mailbox_needs_a_place_and_a_login_and_has_defaults_for_the_rest() {
    let config = Config::parse(MAILBOX).unwrap();
    let account = &config.mail["orders"];
    assert_eq!((account.tls, account.port(), account.every), (MailTls::Implicit, 993, Span { ms: 60_000 }));
    assert_eq!(account.password.secret, "orders");
    let starttls = Config::parse(&format!("{MAILBOX}tls = 'starttls'\n")).unwrap();
    assert_eq!(starttls.mail["orders"].port(), 143);
    assert!(refused(&MAILBOX.replace("user = 'orders'\n", "")).contains("user"));
    assert!(refused(&format!("{MAILBOX}hots = 1\n")).contains("hots"));
}

#[test]
fn a_mailbox_without_tls_is_one_of_this_machine() {
    let none = format!("{MAILBOX}tls = 'none'\n");
    assert!(refused(&none).contains("mail.orders: tls = \"none\""), "{}", refused(&none));
    for host in ["localhost", "127.0.0.1", "::1"] {
        assert!(Config::parse(&none.replace("imap.example.com", host)).is_ok(), "{host}");
    }
    assert!(refused(&none.replace("imap.example.com", "localhost.example.com")).contains("loopback"));
}

#[test]
fn a_mailbox_is_not_asked_all_the_time() {
    assert!(refused(&format!("{MAILBOX}every = '1ms'\n")).contains("every"));
    assert!(Config::parse(&format!("{MAILBOX}every = '1s'\n")).is_ok());
}
