//! Bold and italics: `'''` and `''`, which may close each other in any order.

use super::{Route, Stop, Tokenizer};
use crate::context::{self as cx, Context};
use crate::token::{Kind, Token};

impl Tokenizer<'_> {
    /// Reads two or more ticks. Returns true if they ended the frame.
    pub(super) fn style(&mut self) -> Route<bool> {
        let begin = self.head;
        self.head += 2;
        while self.at(0) == b'\'' {
            self.head += 1;
        }
        let (context, mut ticks) = (self.context(), self.head - begin);
        // With more than five or with four ticks, the first ones are text.
        let plain = if ticks > 5 { ticks - 5 } else { usize::from(ticks == 4) };
        if plain > 0 {
            self.emit_text(begin, begin + plain);
            ticks -= plain;
        }
        let begin = begin + plain;
        let closes_italics = context & cx::STYLE_ITALICS != 0 && matches!(ticks, 2 | 5);
        let closes_bold = context & cx::STYLE_BOLD != 0 && matches!(ticks, 3 | 5);
        if closes_italics || closes_bold {
            if ticks == 5 {
                self.head -= if context & cx::STYLE_ITALICS != 0 { 3 } else { 2 };
            }
            self.pop()?;
            return Ok(true);
        }
        if !self.can_recurse() {
            if ticks == 3 {
                if context & cx::STYLE_SECOND_PASS != 0 {
                    self.emit_text(begin, begin + 1);
                    self.pop()?;
                    return Ok(true);
                }
                if context & cx::STYLE_ITALICS != 0 {
                    self.also(cx::STYLE_PASS_AGAIN);
                }
            }
            self.emit_text(begin, begin + ticks);
        } else if ticks == 2 {
            self.italics(begin)?;
        } else if ticks == 3 {
            if self.bold(begin)? {
                self.pop()?;
                return Ok(true);
            }
        } else {
            self.italics_and_bold(begin)?;
        }
        self.head -= 1;
        Ok(false)
    }

    /// Reads styled text and returns its last context. Returns `None` if it is not closed: then it
    /// emits nothing, and resets the head.
    fn styled(&mut self, context: Context) -> Route<Option<Context>> {
        let reset = self.head;
        if self.last_of.ticks < self.head {
            return Ok(Some(context));
        }
        match self.parse(context) {
            Ok(()) => Ok(None),
            Err(Stop::BadRoute(context)) => {
                self.head = reset;
                Ok(Some(context))
            }
            Err(stop) => Err(stop),
        }
    }

    fn italics(&mut self, begin: usize) -> Route<()> {
        let at = self.tokens.len();
        self.emit(Kind::Group);
        let mut failed = self.styled(cx::STYLE_ITALICS)?;
        if failed.is_some_and(|context| context & cx::STYLE_PASS_AGAIN != 0) {
            failed = self.styled(cx::STYLE_ITALICS | cx::STYLE_SECOND_PASS)?;
        }
        if failed.is_some() {
            self.tokens.truncate(at);
            self.emit_text(begin, begin + 2);
        } else {
            self.emit(Kind::Close);
        }
        Ok(())
    }

    /// Returns true if the surrounding italics end here.
    fn bold(&mut self, begin: usize) -> Route<bool> {
        let at = self.tokens.len();
        self.emit(Kind::Group);
        if self.styled(cx::STYLE_BOLD)?.is_none() {
            self.emit(Kind::Close);
            return Ok(false);
        }
        self.tokens.truncate(at);
        let context = self.context();
        if context & cx::STYLE_SECOND_PASS != 0 {
            self.emit_text(begin, begin + 1);
            return Ok(true);
        }
        if context & cx::STYLE_ITALICS != 0 {
            self.also(cx::STYLE_PASS_AGAIN);
            self.emit_text(begin, begin + 3);
        } else {
            self.emit_text(begin, begin + 1);
            self.italics(begin + 1)?;
        }
        Ok(false)
    }

    /// Reads five ticks: one style inside the other; the first to close is the inner one.
    fn italics_and_bold(&mut self, begin: usize) -> Route<()> {
        let at = self.tokens.len();
        self.emit(Kind::Group);
        self.emit(Kind::Group);
        let mut outer = cx::STYLE_ITALICS;
        if self.styled(cx::STYLE_BOLD)?.is_some() {
            outer = cx::STYLE_BOLD;
            if self.styled(cx::STYLE_ITALICS)?.is_some() {
                self.tokens.truncate(at);
                self.emit_text(begin, begin + 5);
                return Ok(());
            }
        }
        self.emit(Kind::Close);
        if self.styled(outer)?.is_none() {
            self.emit(Kind::Close);
        } else {
            let ticks = if outer == cx::STYLE_BOLD { 3 } else { 2 };
            self.tokens[at] = Token::spanning(Kind::Text, begin, begin + ticks);
        }
        Ok(())
    }
}
