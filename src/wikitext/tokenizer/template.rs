//! Templates and arguments. A template has no text, so all its tokens become one.

use super::{Route, Stop, Tokenizer};
use crate::context as cx;
use crate::token::Kind;

/// Most braces that are handled together (mwparserfromhell `MAX_BRACES`).
const BRACES_MAX: usize = 255;

impl Tokenizer<'_> {
    /// Reads the constructs that two or more braces open.
    pub(super) fn template_or_argument(&mut self) -> Route<()> {
        let begin = self.head;
        self.head += 2;
        let mut braces = 2;
        while self.at(0) == b'{' && braces < BRACES_MAX {
            self.head += 1;
            braces += 1;
        }
        if self.last_of.braces < self.head {
            self.emit_text(begin, self.head);
            self.head -= 1;
            return Ok(());
        }
        self.push(0);
        let mut has_content = false;
        while braces > 0 {
            if braces == 1 {
                return self.text_then_frame(begin, 1);
            }
            let taken = match self.argument_or_template(braces, has_content) {
                Ok(taken) => taken,
                Err(Stop::BadRoute(_)) => return self.text_then_frame(begin, braces),
                Err(stop) => return Err(stop),
            };
            if braces == 2 {
                break;
            }
            braces -= taken;
            if braces > 0 {
                has_content = true;
                self.head += 1;
            }
        }
        self.pop()?;
        self.set(self.context() & !cx::FAIL_NEXT);
        Ok(())
    }

    /// Reads a template, or an argument if there are enough braces. Returns the number of its
    /// braces.
    fn argument_or_template(&mut self, braces: usize, has_content: bool) -> Route<usize> {
        if braces > 2 {
            match self.argument() {
                Ok(()) => return Ok(3),
                Err(Stop::BadRoute(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        self.template(has_content)?;
        Ok(2)
    }

    /// Closes the frame, with `braces` that opened nothing as text before its tokens.
    fn text_then_frame(&mut self, begin: usize, braces: usize) -> Route<()> {
        let frame = self.pop()?;
        if self.tokens.len() == frame.start {
            self.emit_text(begin, begin + braces);
        } else {
            self.insert_text(frame.start, begin, begin + braces)?;
        }
        self.head -= 1;
        Ok(())
    }

    fn template(&mut self, has_content: bool) -> Route<()> {
        let reset = self.head;
        let context = cx::TEMPLATE_NAME | if has_content { cx::HAS_TEMPLATE } else { 0 };
        if let Err(stop) = self.parse(context) {
            self.head = reset;
            return Err(stop);
        }
        self.tokens.truncate(self.start());
        self.emit(Kind::Empty);
        Ok(())
    }

    /// Reads an argument. The tokens of this frame are the beginning of its name.
    fn argument(&mut self) -> Route<()> {
        let (reset, at) = (self.head, self.tokens.len());
        self.emit(Kind::Group);
        if let Err(stop) = self.parse(cx::ARGUMENT_NAME) {
            self.head = reset;
            self.tokens.truncate(at);
            return Err(stop);
        }
        let start = self.start();
        if self.had_default {
            self.spend((self.tokens.len() - start) / 8)?;
            self.tokens.drain(start..at);
            self.emit(Kind::Close);
        } else {
            self.tokens.truncate(start);
            self.emit(Kind::Empty);
        }
        Ok(())
    }

    pub(super) fn template_param(&mut self) -> Route<()> {
        let mut context = self.context();
        if context & cx::TEMPLATE_NAME != 0 {
            if context & (cx::HAS_TEXT | cx::HAS_TEMPLATE) == 0 {
                return self.fail();
            }
            context ^= cx::TEMPLATE_NAME;
        } else {
            context &= !cx::TEMPLATE_PARAM_VALUE;
        }
        self.set(context);
        if context & cx::TEMPLATE_PARAM_KEY != 0 {
            self.pop()?;
        } else {
            self.also(cx::TEMPLATE_PARAM_KEY);
        }
        self.push(self.context());
        Ok(())
    }

    pub(super) fn template_param_value(&mut self) -> Route<()> {
        self.pop()?;
        let context = self.context() ^ cx::TEMPLATE_PARAM_KEY;
        self.set(context | cx::TEMPLATE_PARAM_VALUE);
        Ok(())
    }

    pub(super) fn template_end(&mut self) -> Route<bool> {
        let context = self.context();
        if context & cx::TEMPLATE_NAME != 0 {
            if context & (cx::HAS_TEXT | cx::HAS_TEMPLATE) == 0 {
                return self.fail();
            }
        } else if context & cx::TEMPLATE_PARAM_KEY != 0 {
            self.pop()?;
        }
        self.head += 1;
        self.pop()?;
        Ok(true)
    }

    /// Ends the name, which is not part of the text, and begins the default.
    pub(super) fn argument_separator(&mut self) {
        self.set(self.context() ^ cx::ARGUMENT_NAME | cx::ARGUMENT_DEFAULT);
        self.tokens.truncate(self.start());
    }

    pub(super) fn argument_end(&mut self) -> Route<bool> {
        self.had_default = self.context() & cx::ARGUMENT_DEFAULT != 0;
        self.head += 2;
        self.pop()?;
        Ok(true)
    }
}
