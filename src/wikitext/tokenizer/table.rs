//! Tables in wiki markup. An error within a table undoes the whole table.

use super::tag::{Attributes, Phase};
use super::{Route, Stop, Tokenizer};
use crate::context::{self as cx, Context};
use crate::token::Kind;

impl Tokenizer<'_> {
    /// Reads a table from its first line on.
    pub(super) fn table(&mut self) -> Route<()> {
        let (reset, at, frames) = (self.head, self.tokens.len(), self.frames.len());
        self.head += 2;
        match self.table_to_end() {
            Ok(()) => {
                self.emit(Kind::Close);
                // `table_markup` moved one byte too far.
                self.head -= 1;
            }
            Err(Stop::BadRoute(_)) => {
                while self.frames.len() > frames {
                    self.remember_as_failed();
                    self.discard()?;
                }
                self.tokens.truncate(at);
                self.head = reset;
                self.emit_byte();
            }
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    fn table_to_end(&mut self) -> Route<()> {
        if self.last_of.table_end < self.head {
            return Err(Stop::BadRoute(0));
        }
        self.check(cx::TABLE_OPEN)?;
        self.emit(Kind::Table);
        self.push(cx::TABLE_OPEN);
        self.table_attributes(b'\n')?;
        self.discard()?;
        self.head += 1;
        self.parse(cx::TABLE_OPEN)
    }

    /// Reads markup that has a meaning only within a table. Returns true if it ended the frame.
    pub(super) fn table_markup(&mut self, this: u8, next: u8, context: Context) -> Route<bool> {
        let within = |contexts: Context| context & contexts != 0;
        let in_cell = within(cx::TABLE_CELL_OPEN);
        let line = match (this, next) {
            (b'|', b'|') if within(cx::TABLE_TD_LINE) => Some(cx::TABLE_TD_LINE),
            (b'|', b'|') | (b'!', b'!') if within(cx::TABLE_TH_LINE) => Some(cx::TABLE_TH_LINE),
            _ => None,
        };
        if let Some(line) = line {
            if in_cell {
                return self.table_cell_end(false);
            }
            self.table_cell(2, line)?;
        } else if this == b'|' && within(cx::TABLE_CELL_STYLE) {
            return self.table_cell_end(true);
        } else if this == b'\n' && within(cx::TABLE_CELL_LINE) {
            self.set(context & !cx::TABLE_CELL_LINE);
            self.emit_byte();
        } else if matches!(this, b'|' | b'!') && self.only_blanks_before() {
            if in_cell {
                return self.table_cell_end(false);
            }
            match (this, next) {
                (b'|', b'}' | b'-') if within(cx::TABLE_ROW_OPEN) => {
                    self.pop()?;
                    return Ok(true);
                }
                (b'|', b'}') => {
                    self.head += 2;
                    self.pop()?;
                    return Ok(true);
                }
                (b'|', b'-') => self.table_row()?,
                (b'|', _) => self.table_cell(1, cx::TABLE_TD_LINE)?,
                _ => self.table_cell(1, cx::TABLE_TH_LINE)?,
            }
        } else {
            self.emit_byte();
        }
        Ok(false)
    }

    fn table_row(&mut self) -> Route<()> {
        let begin = self.head;
        self.head += 2;
        if !self.can_recurse() {
            self.emit_text(begin, begin + 2);
            self.head -= 1;
            return Ok(());
        }
        let context = cx::TABLE_OPEN | cx::TABLE_ROW_OPEN;
        self.check(context)?;
        self.emit(Kind::Group);
        self.push(context);
        self.table_attributes(b'\n')?;
        self.discard()?;
        self.head += 1;
        self.parse(context)?;
        self.emit(Kind::Close);
        self.head -= 1;
        Ok(())
    }

    /// Reads a cell after `marks` characters, first as contents. If a single `|` shows that
    /// attributes came first, it is read again.
    fn table_cell(&mut self, marks: usize, line: Context) -> Route<()> {
        let (begin, before) = (self.head, self.context());
        self.head += marks;
        let reset = self.head;
        if !self.can_recurse() {
            self.emit_text(begin, begin + marks);
            self.head -= 1;
            return Ok(());
        }
        let context = cx::TABLE_OPEN | cx::TABLE_CELL_OPEN | line;
        let at = self.tokens.len();
        self.emit(Kind::Group);
        self.parse(context | cx::TABLE_CELL_STYLE)?;
        let mut cell = self.context();
        self.set(before);
        if cell & cx::TABLE_CELL_STYLE != 0 {
            self.head = reset;
            self.tokens.truncate(at + 1);
            self.push(context);
            self.table_attributes(b'|')?;
            self.discard()?;
            self.head += 1;
            self.parse(context)?;
            cell = self.context();
            self.set(before);
        }
        self.emit(Kind::Close);
        // The line continues with cells of the same kind.
        self.also(cell & (cx::TABLE_TH_LINE | cx::TABLE_TD_LINE));
        self.head -= 1;
        Ok(())
    }

    /// Closes the cell. Its context shows its parent whether it began with attributes.
    fn table_cell_end(&mut self, attributes_first: bool) -> Route<bool> {
        let mut context = self.context() & !cx::TABLE_CELL_STYLE;
        if attributes_first {
            context |= cx::TABLE_CELL_STYLE;
        }
        self.pop()?;
        self.set(context);
        Ok(true)
    }

    /// Reads attributes up to `end`, without emitting anything.
    fn table_attributes(&mut self, end: u8) -> Route<()> {
        let mut attributes = Attributes::new(Phase::Ready);
        loop {
            self.spend(1)?;
            let this = self.at(0);
            if this == end && attributes.may_end() {
                return self.end_attribute(&mut attributes);
            }
            if this == 0 || this == end {
                if self.back_to_quote(&mut attributes)? {
                    continue;
                }
                return self.fail();
            }
            self.attribute_char(&mut attributes)?;
        }
    }
}
