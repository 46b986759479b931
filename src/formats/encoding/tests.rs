use super::*;
use encoding_rs::*;
use proptest::prelude::*;

/// A paragraph in some languages, with the encodings of old files in them.
const TEXTS: &[(&str, &[&Encoding])] = &[
    (
        "Глава первая\n\nВечером смотритель зажёг лампу и записал в журнал, что ветер с моря стих, \
         а вода поднялась ещё на ладонь. Он не знал, придёт ли утром лодка.\n",
        &[WINDOWS_1251, KOI8_R, IBM866, ISO_8859_5],
    ),
    (
        "第一章\n\n夜になると、灯台守はランプに火をともし、海の風が静かになったと日記に書いた。水はまた手のひらの幅だけ\
         高くなっていた。朝に舟が来るかどうか、彼は知らなかった。\n",
        &[SHIFT_JIS, EUC_JP, ISO_2022_JP],
    ),
    (
        "第一章\n\n晚上，守灯的人点亮了灯，在日记里写道海风已经平静，水又涨高了一掌宽。他不知道早上船会不会来。\
         我们把所有的书都放在楼上的房间里。\n",
        &[GBK, GB18030],
    ),
    (
        "第一章\n\n晚上，守燈的人點亮了燈，在日記裡寫道海風已經平靜，水又漲高了一掌寬。他不知道早上船會不會來。\
         我們把所有的書都放在樓上的房間裡。\n",
        &[BIG5],
    ),
    (
        "제일 장\n\n저녁이 되자 등대지기는 등불을 켜고 바닷바람이 잠잠해졌다고 일지에 적었다. 물은 또 손바닥만큼 \
         높아져 있었다. 아침에 배가 올지 그는 알지 못했다.\n",
        &[EUC_KR],
    ),
    (
        "Rozdział pierwszy\n\nWieczorem latarnik zapalił lampę i zapisał w dzienniku, że wiatr od \
         morza ucichł, a woda podniosła się jeszcze o dłoń. Nie wiedział, czy rano przypłynie łódź. \
         Żółte światło leżało na ścianie.\n",
        &[ISO_8859_2, WINDOWS_1250],
    ),
    (
        "Κεφάλαιο πρώτο\n\nΤο βράδυ ο φαροφύλακας άναψε το λυχνάρι και έγραψε στο ημερολόγιο πως ο \
         άνεμος έπεσε και το νερό ανέβηκε μια παλάμη ακόμη.\n",
        &[WINDOWS_1253, ISO_8859_7],
    ),
    (
        "Erstes Kapitel\n\nAm Abend zündete der Wärter die Lampe an und schrieb ins Heft, daß der \
         Wind vom Meer gefallen sei – das Wasser aber „um eine Hand“ höher stehe. Er wußte nicht, ob \
         früh ein Boot käme.\n",
        &[WINDOWS_1252],
    ),
    (
        "Chapitre premier\n\nLe soir, le gardien alluma la lampe et nota dans le cahier que le vent \
         était tombé, l\u{2019}eau montée d\u{2019}une main : « à l\u{e9}tale ». Il ne savait pas où était la barque.\n",
        &[WINDOWS_1252],
    ),
    (
        "פרק ראשון\n\nבערב הדליק השומר את המנורה ורשם ביומן שהרוח מן הים שככה והמים עלו בעוד כף יד. הוא לא ידע אם תבוא סירה בבוקר.\n",
        &[WINDOWS_1255],
    ),
];

/// The bytes of a text in an encoding.
fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding.encode(text);
    assert!(!unmappable, "{} cannot hold {text}", encoding.name());
    bytes.into_owned()
}

fn utf_16(text: &str, is_big: bool) -> Vec<u8> {
    let bytes = |unit: u16| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(bytes).collect()
}

fn utf_32(text: &str, is_big: bool) -> Vec<u8> {
    let bytes =
        |c: char| if is_big { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() };
    text.chars().flat_map(bytes).collect()
}

#[test]
fn encodings_are_detected_from_the_bytes() {
    for (text, encodings) in TEXTS {
        for encoding in *encodings {
            let bytes = encoded(text, encoding);
            let found =
                decode(&bytes, None).unwrap_or_else(|error| panic!("{}: {error}", encoding.name()));
            assert_eq!(found.text, *text, "{} was read as {}", encoding.name(), found.encoding);
        }
        assert_eq!(decode(text.as_bytes(), None).unwrap().encoding, "UTF-8");
    }
}

#[test]
fn wide_encodings_are_read_with_and_without_their_mark() {
    for (text, _) in TEXTS {
        for is_big in [false, true] {
            for wide in [utf_16, utf_32] {
                let marked = wide(&format!("\u{feff}{text}"), is_big);
                assert_eq!(decode(&marked, None).unwrap().text, *text, "big: {is_big}");
                let unmarked = wide(text, is_big);
                let found = decode(&unmarked, None).unwrap();
                assert_eq!(found.text, *text, "big: {is_big}, as {}", found.encoding);
            }
        }
    }
}

#[test]
fn a_declared_encoding_counts_if_the_text_makes_sense() {
    let polish = encoded("ąę, źle", ISO_8859_2);
    assert_eq!(decode(&polish, Some("ISO-8859-2")).unwrap().text, "ąę, źle");
    let russian = encoded(TEXTS[0].0, KOI8_R);
    for mistaken in ["UTF-8", "utf-16", "x-nothing", "windows-1252", "Shift_JIS"] {
        assert_eq!(decode(&russian, Some(mistaken)).unwrap().text, TEXTS[0].0, "{mistaken}");
    }
}

#[test]
fn a_few_letters_are_read_as_western_european() {
    assert_eq!(decode(b"caf\xe9 \x97 na\xefve", None).unwrap().text, "café — naïve");
    assert_eq!(decode(b"a \xa3 5 note", None).unwrap().encoding, "windows-1252");
}

#[test]
fn text_that_makes_no_sense_is_not_read() {
    // "café, déjà, tête, très" of MS-DOS, and the same of a Macintosh.
    let dos = b"caf\x82, d\x82j\x85, t\x88te, tr\x8as. ".repeat(20);
    assert_eq!(decode(&dos, None), Err(NoText::UnknownEncoding));
    let macintosh = b"caf\x8e, d\x8ej\x88, t\x90te, tr\x8fs. ".repeat(20);
    assert_eq!(decode(&macintosh, None), Err(NoText::UnknownEncoding));
    assert_eq!(decode(b"PK\0\x01", None), Err(NoText::Binary));
    assert_eq!(decode(b"PK\0 binary", None), Err(NoText::Binary));
    assert_eq!(decode(&[1, 2, 3, 4, 5, 6, 7, 8], None), Err(NoText::Binary));
    let noise: Vec<u8> =
        (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 21) as u8 | 1).collect();
    assert!(decode(&noise, None).is_err());
    assert_eq!(decode(b"\xff\xfe\0\xd8", None), Err(NoText::UnknownEncoding));
}

#[test]
fn a_damaged_place_is_one_character() {
    let mut bytes = TEXTS[0].0.repeat(2).into_bytes();
    let blank = bytes.iter().position(|byte| *byte == b' ').unwrap();
    bytes[blank] = 0xff;
    let found = decode(&bytes, None).unwrap();
    assert_eq!((found.encoding, found.damaged), ("UTF-8", 1));
    assert!(found.text.contains("журнал"));
}

#[test]
fn pages_name_their_encoding() {
    let named = |page: &str| declared_by_page(page.as_bytes());
    let declaration = "<?xml version='1.0' encoding = 'KOI8-R' ?><meta charset=x>";
    assert_eq!(named(declaration).as_deref(), Some("koi8-r"));
    let meta = "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=ISO-8859-1\">";
    assert_eq!(named(meta).as_deref(), Some("iso-8859-1"));
    assert_eq!(named("<META CHARSET=\"utf-8\">").as_deref(), Some("utf-8"));
    assert_eq!(named("<p>charset</p>"), None);
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_bytes_are_a_text_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(found) = decode(&bytes, None) {
            prop_assert!(!found.text.contains('\0'));
        }
    }
}
