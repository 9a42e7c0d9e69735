"""The HTML of a page as a browser takes it: how a template breaks its lines makes no difference."""

import re
from html import unescape

BLOCKS = (
    "article|aside|body|br|button|caption|dd|details|div|dl|dt|fieldset|figcaption|figure|form|h[1-6]|head|header"
    "|hr|html|input|label|legend|li|link|main|meta|nav|ol|option|p|progress|section|select|summary|table|tbody|td"
    "|th|thead|title|tr|ul"
)


def flat(html: str) -> str:
    """One space for each run of white space (&nbsp; too), none beside a block or before a tag's end."""
    one_line = re.sub(r"\s+(/?>)", r"\1", " ".join(html.replace("&nbsp;", " ").split()))
    return re.sub(rf" ?(</?(?:{BLOCKS})\b[^>]*>) ?", r"\1", one_line)


def words_of(html: str) -> str:
    """The words that a piece of HTML shows, with one space between them."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())
