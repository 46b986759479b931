//! Changes of bytes and containers, at one place in an input, so that the rest is valid and the change
//! is read.

use crate::inputs::Node;
use crate::packing::{Layer, correct_checksum};
use crate::random::Random;

/// Bytes with a meaning in some format.
const WORDS: [&[u8]; 44] = [
    b"\0",
    b"\n",
    b"\r\n\r\n",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"-1",
    b"0",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1e999",
    b"NaN",
    b"null",
    b"Content-Length: 99999999999\r\n",
    b"WARC/1.0\r\n",
    b"WARC-Type: ",
    b"\\u0000",
    b"\\ud800",
    b"{\"text\":",
    b"]]]]]]]]]]]]",
    b"[[[[[[[[[[[[",
    b"{{{{{{{{{{{{",
    b"}}",
    b"{|",
    b"|}",
    b"&lt;ref",
    b"&#xD800;",
    b"&nosuch;",
    b"<![CDATA[",
    b"<!--",
    b"</page>",
    b"<page>",
    b"<!DOCTYPE a [<!ENTITY b",
    b"<row Id=\"1\" PostTypeId=\"1\" />",
    b"\\def\\a{\\a\\a}\\a",
    b"\\begin{document}",
    b"\\input{main}",
    b"%",
    b"../../",
    b"*** START OF THIS PROJECT GUTENBERG",
    b"\x1f\x8b\x08\0",
    b"PAR1",
    b"BZh9",
];

/// Changes bytes a little, or a lot.
pub fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let (at, to) = two_places(bytes.len(), random);
        match random.below(11) {
            0 | 1 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1 << random.below(8);
            }
            2 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] = *random.pick(&[0, 1, 0x7f, 0x80, 0xff]);
            }
            3 => drop(bytes.drain(at..to)),
            4 => {
                let part = bytes[at..to].to_vec();
                let place = random.below(bytes.len() + 1);
                bytes.splice(place..place, part);
            }
            5 if random.below(4) == 0 => bytes.truncate(at),
            6 => {
                let many = vec![bytes.get(at).copied().unwrap_or(b' '); random.below(2000)];
                bytes.splice(at..at, many);
            }
            7 => digits(bytes, random),
            _ => drop(bytes.splice(at..at, random.pick(&WORDS).iter().copied())),
        }
    }
}

/// Two places in order, mostly near each other.
fn two_places(length: usize, random: &mut Random) -> (usize, usize) {
    let at = random.below(length + 1);
    let far = if random.below(4) == 0 { length } else { 40 };
    (at, (at + random.below(far + 1)).min(length))
}

/// Replaces a number.
fn digits(bytes: &mut Vec<u8>, random: &mut Random) {
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_digit()))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = *random.pick(&starts);
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = *random.pick(&[&b"0"[..], b"1", b"-1", b"4294967296", b"99999999999999999999"]);
    bytes.splice(start..start + length, number.iter().copied());
}

/// Changes an input at one place, at any depth, and packs it.
pub fn changed(file: &Node, random: &mut Random) -> Vec<u8> {
    let place = random.below(places(file));
    let mut file = file.clone();
    let mut distance = place;
    match change_at(&mut file, &mut distance, random) {
        Some(bytes) => bytes,
        None => file.bytes(),
    }
}

/// Places at which an input can be changed.
fn places(node: &Node) -> usize {
    match node {
        Node::Bytes(_) => 1,
        // The parts; their list, twice as likely; and the bytes around them.
        Node::Packed(_, parts) => 3 + parts.iter().map(|(_, part)| places(part)).sum::<usize>(),
    }
}

/// Changes the place that is `distance` places away. Returns the bytes if they differ from those of the
/// node.
fn change_at(node: &mut Node, distance: &mut usize, random: &mut Random) -> Option<Vec<u8>> {
    match node {
        Node::Bytes(bytes) => {
            if *distance == 0 {
                change(bytes, random);
            }
            *distance = distance.wrapping_sub(1);
            None
        }
        Node::Packed(_, parts) if *distance < 2 => {
            rearrange(parts, random);
            *distance = usize::MAX;
            None
        }
        Node::Packed(layer, _) if *distance == 2 => {
            let layer = *layer;
            let mut bytes = node.bytes();
            *distance = usize::MAX;
            if layer == Layer::Tar && random.below(2) == 0 {
                change_header(&mut bytes, random);
            } else {
                change(&mut bytes, random);
            }
            Some(bytes)
        }
        Node::Packed(_, parts) => {
            *distance -= 3;
            for (_, part) in parts {
                let count = places(part);
                if *distance < count {
                    if let Some(bytes) = change_at(part, distance, random) {
                        *part = Node::Bytes(bytes);
                    }
                    *distance = usize::MAX;
                    break;
                }
                *distance -= count;
            }
            None
        }
    }
}

/// Reorders parts, repeats or removes one, or changes a name.
fn rearrange(parts: &mut Vec<(String, Node)>, random: &mut Random) {
    if parts.is_empty() {
        return;
    }
    let at = random.below(parts.len());
    match random.below(5) {
        0 => drop(parts.remove(at)),
        1 => parts.insert(at, parts[at].clone()),
        2 => random.shuffle(parts),
        3 => {
            let names =
                ["", "/", "../../a.tex", "a\nb", "Posts.xml", "LICENSE", ".git/config", "é/ü.c"];
            parts[at].0 = (*random.pick(&names)).to_owned();
        }
        _ => {
            parts[at].0 +=
                *random.pick(&["/", ".gz", ".tex", ".crt", "\u{202e}", &"x".repeat(200)]);
        }
    }
}

/// Changes a header of a tar archive, and corrects its checksum.
fn change_header(archive: &mut [u8], random: &mut Random) {
    let is_header = |block: &&mut [u8]| block[257..262] == *b"ustar";
    let mut headers: Vec<&mut [u8]> = archive.chunks_exact_mut(512).filter(is_header).collect();
    if headers.is_empty() {
        return;
    }
    let at = random.below(headers.len());
    let header = &mut headers[at];
    match random.below(4) {
        // The kind of the entry.
        0 => header[156] = *random.pick(b"\x0001234567LKxgSVDM"),
        // Its size.
        1 => {
            let size = *random.pick(&[
                b"00000000000",
                b"77777777777",
                b"00000000001",
                b"99999999999",
                b"\x80\0\0\0\0\0\0\0\0\0\x01",
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            ]);
            header[124..135].copy_from_slice(size);
        }
        _ => {
            let at = random.below(512);
            header[at] = random.next() as u8;
        }
    }
    correct_checksum(header);
}
