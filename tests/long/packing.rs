//! Containers of inputs: archives and compressed files, made from parts that may be malformed.

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io::{Cursor, Write};
use std::sync::Arc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Parts of an input by name. Containers without names ignore the names.
pub type Parts = Vec<(String, Vec<u8>)>;

/// A container of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Concatenated.
    Joined,
    /// One gzip member.
    Gzip,
    /// A gzip member for each part.
    GzipEach,
    /// One bzip2 stream.
    Bzip2,
    /// One zstd frame.
    Zstd,
    /// A tar archive.
    Tar,
    /// A zip archive.
    Zip,
    /// A 7z archive without compression.
    SevenZip,
    /// A table with a row for each part, and the column names that the readers expect.
    Parquet,
}

impl Layer {
    /// Packs the parts.
    pub fn pack(self, parts: &Parts) -> Vec<u8> {
        let joined = || parts.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>();
        match self {
            Layer::Joined => joined(),
            Layer::Gzip => gzip(&joined()),
            Layer::GzipEach => parts.iter().flat_map(|(_, bytes)| gzip(bytes)).collect(),
            Layer::Bzip2 => {
                let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(&joined()).expect("a write to memory");
                encoder.finish().expect("a write to memory")
            }
            Layer::Zstd => zstd::encode_all(Cursor::new(joined()), 1).expect("a write to memory"),
            Layer::Tar => tar(parts),
            Layer::Zip => zip(parts),
            Layer::SevenZip => seven_zip(parts),
            Layer::Parquet => table(parts),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a write to memory");
    encoder.finish().expect("a write to memory")
}

/// The size of a block: headers and files are whole blocks (POSIX.1-2017, pax, "ustar Header Block").
const BLOCK_BYTES: usize = 512;

/// Names may be any bytes, which a well-behaved writer would reject.
fn tar(parts: &Parts) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in parts {
        let mut header = [0; BLOCK_BYTES];
        let name = &name.as_bytes()[..name.len().min(100)];
        header[..name.len()].copy_from_slice(name);
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[136..147].copy_from_slice(b"14366000000");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        correct_checksum(&mut header);
        archive.extend(header);
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
    archive
}

/// Writes the correct checksum of a header, so that other changes of it are read.
pub fn correct_checksum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn zip(parts: &Parts) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        // The writer rejects a repeated name.
        if writer.start_file(&name[..], SimpleFileOptions::default()).is_ok() {
            writer.write_all(bytes).expect("a write to memory");
        }
    }
    writer.finish().expect("a write to memory").into_inner()
}

/// One folder with the method Copy that has all parts (`7zFormat.txt` of 7-Zip).
fn seven_zip(parts: &Parts) -> Vec<u8> {
    let stored: Vec<u8> = parts.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let sum = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let mut names = vec![0];
    for (name, _) in parts {
        names.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    let size = number(stored.len());
    let mut directory = vec![0x01, 0x04];
    directory.extend([&[0x06, 0, 1, 0x09][..], &size, &[0]].concat());
    directory.extend([&[0x07, 0x0b, 1, 0, 1, 1, 0, 0x0c][..], &size, &[0]].concat());
    directory.extend([&[0x08, 0x0d][..], &number(parts.len())].concat());
    if parts.len() > 1 {
        directory.push(0x09);
        let but_last = &parts[..parts.len() - 1];
        directory.extend(but_last.iter().flat_map(|(_, bytes)| number(bytes.len())));
    }
    directory.extend([0x0a, 1]);
    directory.extend(parts.iter().flat_map(|(_, bytes)| sum(bytes)));
    directory.extend([&[0, 0, 0x05][..], &number(parts.len()), &[0x11]].concat());
    directory.extend([&number(names.len())[..], &names, &[0, 0]].concat());
    let mut place = (stored.len() as u64).to_le_bytes().to_vec();
    place.extend((directory.len() as u64).to_le_bytes());
    place.extend(sum(&directory));
    [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], &sum(&place), &place, &stored, &directory].concat()
}

/// Encodes a number of up to 28 bits in the format of 7z archives.
fn number(number: usize) -> Vec<u8> {
    let [a, b, c, d] = u32::try_from(number).expect("a small archive").to_le_bytes();
    match number {
        0..0x80 => vec![a],
        0x80..0x4000 => vec![0x80 | b, a],
        0x4000..0x20_0000 => vec![0xc0 | c, a, b],
        _ => vec![0xe0 | d, a, b, c],
    }
}

/// The text of a part is in every column for a text; its name, in the columns for paths and addresses.
fn table(parts: &Parts) -> Vec<u8> {
    let columns = ["text", "content", "url", "repo_name", "path", "timestamp"];
    let fields: String =
        columns.iter().map(|name| format!("optional binary {name} (UTF8);")).collect();
    let schema = parse_message_type(&format!("message rows {{ {fields} }}")).expect("a schema");
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, Arc::new(schema), properties).expect("a table");
    let mut group = writer.next_row_group().expect("a write to memory");
    for name in columns {
        let value = |(part, bytes): &(String, Vec<u8>)| match name {
            "text" | "content" => ByteArray::from(bytes.clone()),
            _ => ByteArray::from(part.clone().into_bytes()),
        };
        let values: Vec<ByteArray> = parts.iter().map(value).collect();
        let mut column = group.next_column().expect("a write to memory").expect("a column");
        let levels = vec![1; values.len()];
        column
            .typed::<ByteArrayType>()
            .write_batch(&values, Some(&levels), None)
            .expect("a write to memory");
        column.close().expect("a write to memory");
    }
    group.close().expect("a write to memory");
    writer.close().expect("a write to memory");
    file
}
