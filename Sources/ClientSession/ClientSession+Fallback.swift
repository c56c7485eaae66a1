import Vocabulary
import Wire

extension ClientSession {
    /// What a device would come back with now: everything written to it so far is covered, nothing else.
    package var cursorText: String { CursorText.text(cursor) }
}
