"""Wordings of code that does something where a text is shown, stored or run: markup, SQL, shell, templates, images.

Weights tell code that acts from code that is talked about: `<script>` alone is a word, `<script>` with a body runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CodeKind = Literal["MARKUP", "SQL", "SHELL", "TEMPLATE", "EXFILTRATION", "FILE"]


@dataclass(frozen=True)
class CodeWording:
    """One wording. `cues` is the cheap look: without one of them in the plain text the pattern is not run."""

    kind: CodeKind
    weight: float
    cues: tuple[str, ...]
    pattern: str
    """RE2, over the plain text: lower case, without accents."""


_LT = r"(?:<|%3c|&lt;?|&#0{0,6}60;?|&#x0{0,6}3c;?|\\x3c|\\u003c)"
_SP = r"(?:[\s/+]|%20|%09|%0a|%0d|/\*.{0,20}?\*/)"
_Q = r"(?:['\"`´’]|%27|%22|&#39;|&apos;|&quot;)"
_TARGETS = (
    r"(?:/(?:\s|$|;|\*|\"|')|~(?:/\s|\s|$|;|/\*)|/\*|\$home|/(?:etc|var|usr|home|boot|bin|root|lib|opt|dev)\b"
    r"|\*(?:\s|$|;)|\.\s*(?:$|;|\n))"
)
_PRIVATE_FILES = (
    r"(?:/etc/(?:passwd|shadow|sudoers|hosts|ssh)|~?/?\.ssh/|\.aws/credentials|/proc/self/environ|\.env\b"
    r"|id_rsa|win\.ini|system32|boot\.ini)"
)

WORDINGS: tuple[CodeWording, ...] = (
    CodeWording(
        "MARKUP",
        0.95,
        ("script",),
        rf"{_LT}(?:\s|%20|%0a){{0,3}}script(?:{_SP}{{1,4}}[^<>]{{0,200}}?\b(?:src|href)\s{{0,3}}="
        rf"|{_SP}{{0,3}}[^<>]{{0,80}}(?:>|%3e|&gt;?)[^<]{{0,400}}?(?:[(=;`]|%28))",
    ),
    CodeWording("MARKUP", 0.4, ("script",), rf"{_LT}{_SP}{{0,3}}/?script\b"),
    CodeWording(
        "MARKUP",
        0.95,
        ("on",),
        rf"{_LT}{_SP}{{0,3}}[a-z][a-z0-9-]{{0,20}}{_SP}[^<>]{{0,200}}?{_SP}?\bon(?:abort|after\w{{3,12}}"
        rf"|animation\w{{3,12}}|auxclick|before\w{{3,14}}|begin|blur|canplay\w{{0,7}}|change|click|close"
        rf"|contextmenu|copy|cut|dblclick|drag\w{{0,6}}|drop|end|error|focus\w{{0,3}}|hashchange|input"
        rf"|invalid|key(?:down|press|up)|load\w{{0,9}}|message|mouse\w{{2,6}}|page(?:hide|show)|paste"
        rf"|play\w{{0,4}}|pointer\w{{2,18}}|popstate|repeat|reset|resize|scroll\w{{0,3}}|search"
        rf"|seek\w{{2,3}}|select\w{{0,5}}|show|start|submit|suspend|toggle|touch\w{{3,6}}"
        rf"|transition\w{{3,6}}|unload|wheel)(?:{_SP}){{0,3}}(?:=|%3d){_SP}{{0,3}}[^\s>]",
    ),
    CodeWording(
        "MARKUP",
        0.9,
        ("<", "%3c", "&lt", "&#"),
        rf"{_LT}{_SP}{{0,3}}(?:iframe|object|embed|applet|base|frame|frameset"
        rf"|portal)\b[^<>]{{0,200}}?\b(?:src|srcdoc|data|code|href)\s{{0,3}}=\s{{0,3}}{_Q}?[^\s>]",
    ),
    CodeWording(
        "MARKUP",
        0.85,
        ("<meta", "<link", "<form", "<style", "<svg", "<math", "<isindex"),
        r"<\s{0,3}(?:meta\b[^<>]{0,120}?http-equiv\s{0,3}=\s{0,3}[\"']?\s{0,3}(?:refresh|set-cookie)"
        r"|link\b[^<>]{0,120}?\bhref\s{0,3}=\s{0,3}[\"']?\s{0,3}(?:javascript|data"
        r"|https?:)?[^<>]{0,80}?rel\s{0,3}=\s{0,3}[\"']?(?:import|stylesheet)"
        r"|form\b[^<>]{0,200}?\baction\s{0,3}=\s{0,3}[\"']?\s{0,3}(?:https?:|javascript:|//)"
        r"|style\b[^<>]{0,60}>[^<]{0,300}(?:@import|expression\(|url\(\s{0,3}[\"']?(?:javascript"
        r"|https?):))",
    ),
    CodeWording(
        "MARKUP",
        0.95,
        ("script", "s c"),
        rf"(?:\b(?:href|src|action|formaction|data|xlink:href|background|poster|to|from"
        rf"|values)\s{{0,3}}=\s{{0,3}}{_Q}?|\]\(\s{{0,3}}<?"
        rf"|url\(\s{{0,3}}{_Q}?)\s{{0,3}}(?:j\s{{0,3}}a\s{{0,3}}v\s{{0,3}}a"
        rf"|v\s{{0,3}}b)\s{{0,3}}s\s{{0,3}}c\s{{0,3}}r\s{{0,3}}i\s{{0,3}}p\s{{0,3}}t\s{{0,3}}(?::|&colon;"
        rf"|&#58;|%3a)",
    ),
    CodeWording(
        "MARKUP",
        0.9,
        ("javascript:", "vbscript:"),
        r"\b(?:java|vb)script:\s{0,3}(?:/\*|//|%0a|[a-z_.$]{1,40}\s{0,2}[(=`]|\()",
    ),
    CodeWording(
        "MARKUP",
        0.9,
        ("data:text/html", "data:image/svg", "data:application/x"),
        r"\bdata:(?:text/html|image/svg\+xml|application/(?:xhtml|x-)[a-z+-]{2,20})[^\s,]{0,40},\s{0,2}[^\s]{4,}",
    ),
    CodeWording(
        "MARKUP",
        0.85,
        ("<!entity", "<!doctype", "xinclude", "<?xml-stylesheet"),
        r"<!entity\s{1,4}%?\s{0,4}[\w.-]{1,40}\s{1,4}(?:system|public|[\"'])|<!doctype\s[^<>]{0,80}\["
        r"|<xi:include\b|<\?xml-stylesheet\b",
    ),
    CodeWording(
        "SQL",
        0.9,
        ("or", "and", "||", "&&"),
        rf"{_Q}\)?{_SP}{{0,4}}(?:or|and|\|\||&&){_SP}{{1,4}}\(?{_SP}{{0,2}}(?:{_Q}?(?:[0-9]{{1,6}}"
        rf"|[a-z]{{1,12}}){_Q}?{_SP}{{0,3}}(?:=|<|>|like{_SP}{{0,3}}{_Q}|is{_SP}(?:not{_SP})?null"
        rf"|in{_SP}{{0,2}}\(|%3d){_SP}{{0,3}}{_Q}?(?:[0-9a-z]{{1,12}}|)"
        rf"|true\b|not{_SP}(?:null|false)|exists{_SP}{{0,2}}\()",
    ),
    CodeWording(
        "SQL",
        0.9,
        ("union",),
        rf"\bunion{_SP}{{1,6}}(?:all{_SP}{{1,6}}"
        rf"|distinct{_SP}{{1,6}})?\(?{_SP}{{0,3}}select\b[^;\n]{{0,200}}?(?:\bfrom\b|null|@@"
        rf"|[0-9]\s{{0,2}},|--|#|\*|\bpassword|\()",
    ),
    CodeWording(
        "SQL",
        0.95,
        (";",),
        rf"(?:{_Q}|\)|[0-9]){_SP}{{0,3}};{_SP}{{0,4}}(?:drop{_SP}{{1,4}}(?:table|database|schema|view"
        rf"|user)|delete{_SP}{{1,4}}from|insert{_SP}{{1,4}}into"
        rf"|update{_SP}{{1,4}}\w{{1,40}}{_SP}{{1,4}}set|alter{_SP}{{1,4}}(?:table|user|login)"
        rf"|truncate{_SP}{{1,4}}(?:table)?|create{_SP}{{1,4}}(?:user|login|table)|shutdown\b"
        rf"|exec(?:ute)?{_SP}{{1,4}}\w|declare{_SP}{{1,4}}@|grant{_SP}{{1,4}}\w|waitfor{_SP}{{1,4}}delay"
        rf"|copy{_SP}{{1,4}}\w)",
    ),
    CodeWording(
        "SQL",
        0.9,
        (
            "xp_",
            "sleep",
            "benchmark",
            "waitfor",
            "load_file",
            "outfile",
            "extractvalue",
            "updatexml",
            "pg_sleep",
            "utl_http",
            "dbms_",
        ),
        rf"\b(?:xp_(?:cmdshell|dirtree|regread)"
        rf"|(?:pg_)?sleep\({_SP}{{0,2}}[0-9]{{1,4}}{_SP}{{0,2}}\){_SP}{{0,3}}(?:--|#|\)|and|or|,)"
        rf"|benchmark\([0-9]{{4,}},|waitfor{_SP}{{1,3}}delay{_SP}{{0,3}}{_Q}"
        rf"|load_file\({_SP}{{0,2}}(?:{_Q}|0x)|into{_SP}{{1,3}}(?:out|dump)file{_SP}{{1,3}}{_Q}"
        rf"|(?:extractvalue|updatexml)\([^)]{{0,40}}concat|utl_http\.request|dbms_(?:pipe|lock|ldap)\.)",
    ),
    CodeWording(
        "SQL",
        0.9,
        ("--", "#", "/*", "%23"),
        rf"(?:^|[=\s\"(,:]|%3d)[a-z0-9_.@]{{1,30}}{_Q}\)?{_SP}{{0,3}}(?:--(?:[\s+]|$|%20)|#\s{{0,2}}(?:$|\n)|/\*|%23)",
    ),
    CodeWording(
        "SQL",
        0.85,
        ("$",),
        r"[{\[,]\s{0,3}[\"']?\$(?:where|ne|gt|gte|lt|regex|nin|exists|expr|function)[\"']?\]?\s{0,3}(?::|=)\s{0,3}(?:[\"']{1,2}|null|[0-9-]|\{|\[|true|false|function|this\.)|\[\$(?:ne|gt|regex|exists|where)\]=",
    ),
    CodeWording(
        "SHELL",
        0.95,
        ("rm ", "rm\t", "$ifs", "rm${"),
        rf"\brm(?:\s|\$\{{?ifs\}}?)+(?:-[a-z-]{{1,20}}\s+)*-(?:[a-z]*r[a-z]*f|[a-z]*f[a-z]*r"
        rf"|-recursive)[a-z]*\s+(?:-[a-z-]{{1,20}}\s+)*{_TARGETS}",
    ),
    CodeWording(
        "SHELL",
        0.95,
        ("curl", "wget", "fetch", "base64", "iwr", "irm", "echo"),
        r"\b(?:curl|wget|fetch|lwp-download|iwr|irm|base64\s+-(?:d"
        r"|-decode))\b[^|\n]{0,200}\|\s{0,3}(?:sudo\s+)?(?:(?:/usr)?/bin/)?(?:ba|z|da|k|c)?sh\b|\b(?:curl"
        r"|wget|iwr|irm)\b[^|\n]{0,200}\|\s{0,3}(?:sudo\s+)?(?:python[0-9.]*|perl|ruby|php|node|iex)\b"
        r"|\b(?:ba|z|da)?sh\s+(?:-c\s+[\"']?)?(?:<\(|\"?\$\(|[\"']?`)\s{0,3}(?:curl|wget)",
    ),
    CodeWording(
        "SHELL",
        0.9,
        ("`", "$(", "&&", ";", "|", "%0a", "\n"),
        rf"(?:[;&|`]|\$\(|%0a|%3b|%26|%7c){_SP}{{0,4}}(?:sudo\s+)?(?:cat|less|more|head|tail|nl|tac|type"
        rf"|cp|scp){_SP}{{1,4}}(?:-[a-z]+\s+)?{_PRIVATE_FILES}",
    ),
    CodeWording(
        "SHELL",
        0.85,
        ("`", "$(", ";", "|", "&", "%0a", "%3b"),
        rf"(?:^|[a-z0-9.'\"=/_-]){_SP}{{0,2}}(?:;|&&|\|\||\||`|\$\(|%0a|%3b|%26%26"
        rf"|%7c){_SP}{{0,4}}(?:whoami|id|uname(?:\s+-a)?|ifconfig|ipconfig|netstat|printenv|env"
        rf"|nslookup\s+\S+|ping\s+-[cn]\s+[0-9]+\s+\S+|sleep\s+[0-9]+|shutdown|reboot|net\s+user|passwd"
        rf"|crontab\s+-[lre]|dir\s+c:|ls\s+-la?\s+/\S*)\s{{0,2}}(?:[;&|`)#\"']|$|\n|%)",
    ),
    CodeWording(
        "SHELL",
        0.95,
        (
            "/dev/tcp",
            "nc ",
            "ncat",
            "mkfifo",
            "socket",
            "bash -i",
            "/dev/sd",
            "mkfs",
            ":(){",
            ":()",
            "dd if",
            "chmod",
            "-enc",
            "fsockopen",
            "pty.spawn",
        ),
        r"/dev/(?:tcp|udp)/|\bnc(?:at)?\b[^\n]{0,60}\s-[a-z]{0,4}[ec]\b|\bmkfifo\s+/tmp/|\bbash\s+-i\b"
        r"|:\(\)\s{0,2}\{\s{0,2}:\s{0,2}\|\s{0,2}:\s{0,2}&|\bdd\s+if=/dev/\S+\s+of=/dev/"
        r"|>\s{0,2}/dev/sd[a-z]|\bmkfs(?:\.\w+)?\s+/dev/|\bchmod\s+(?:-r\s+)?[0-7]?777\s+/(?:\s|$|etc|\*)"
        r"|\bpowershell(?:\.exe)?\b[^\n]{0,60}\s-e(?:nc|ncodedcommand)?\s+[a-z0-9+/=]{16,}"
        r"|socket\.socket\([^\n]{0,200}(?:subprocess|pty\.spawn|dup2)|fsockopen\([^\n]{0,100}exec",
    ),
    CodeWording(
        "SHELL",
        0.85,
        ("import", "exec", "eval", "system", "popen", "subprocess", "runtime"),
        r"__import__\(\s{0,3}[\"'](?:os|subprocess|pty|socket|shutil|sys|builtins)[\"']\s{0,3}\)\s{0,3}\."
        r"|\b(?:eval|exec)\(\s{0,3}(?:compile|base64|__import__|atob|input\(|request\.|\$_(?:get|post"
        r"|request|cookie)|requests?\.get|bytes\.fromhex|string\.fromcharcode|gzinflate|str_rot13)"
        r"|\bos\.(?:system|popen)\(\s{0,3}[\"'](?:rm|curl|wget|nc|cat /etc|bash|sh|del|powershell)\b"
        r"|getruntime\(\)\.exec\(|<\?php\s[^?]{0,80}(?:system|exec|passthru|shell_exec|eval|assert)\s{0,2}\("
        r"|\bchild_process[\"']?\)?\.exec",
    ),
    CodeWording(
        "TEMPLATE",
        0.9,
        ("{{", "${", "#{", "<%", "{%", "*{", "@{"),
        r"(?:\{\{|\$\{|#\{|<%=?|\*\{|@\{)\s{0,4}-?\s{0,2}(?:[0-9]{1,6}\s{0,2}[*+-]\s{0,2}['\"]?[0-9]{1,6}"
        r"|(?:[^{}\n]{0,80}?)(?:__class__|__mro__|__subclasses__|__globals__|__builtins__|__init__"
        r"|__import__|\.constructor|getruntime|getclass|\bconfig\.(?:items|from)|request\.(?:application"
        r"|environ)|self\.__|cycler\.|lipsum\.|\bpopen\(|\bsystem\(|\bexec\(|\beval\(|t\(java|new java\."
        r"|process\.(?:env|mainmodule)|global\.process|require\(|file\.(?:read|open)\(|dir\.entries|ognl"
        r"|_self\.env|freemarker|\bassert\())",
    ),
    CodeWording(
        "TEMPLATE",
        0.95,
        ("jndi", "${lower", "${upper", "${::-", "${env"),
        r"\$\{(?:jndi|[^{}\n]{0,20}\$\{[^{}\n]{0,30}\}[^\n]{0,30})\s{0,2}:\s{0,2}(?:ldaps?|rmi|dns|iiop"
        r"|corba|nis|https?)\b|\$\{(?:jndi|lower|upper|env|sys|::-)[:}-]?[^\n]{0,60}(?:ldap|rmi|dns)",
    ),
    CodeWording(
        "EXFILTRATION",
        0.9,
        ("![",),
        r"!\[[^\]\n]{0,200}\]\(\s{0,2}<?(?:https?:)?//[^\s)>]{1,300}?[?&#;][^\s)=>]{0,40}=(?:[^\s)&>]{12,}"
        r"|\{[^)]{1,60}\}|\$[^)]{1,60}|\[[^)]{1,60}|<[^)]{1,60}>|%s)",
    ),
    CodeWording(
        "EXFILTRATION",
        0.85,
        ("![",),
        r"!\[[^\]\n]{0,200}\]\(\s{0,2}<?(?:https?:)?//[^\s)>/]{1,120}/[^\s)>?]{0,100}?(?:[a-z0-9+/_=-]{40,}"
        r"|\{\{?[^)]{1,60}\})",
    ),
    CodeWording(
        "EXFILTRATION",
        0.85,
        ("![", "]:"),
        r"!\[[^\]\n]{0,200}\]\[[^\]\n]{0,60}\][\x00-\x{10FFFF}]{0,120}?\[[^\]\n]{1,60}\]:\s{0,3}<?https?://[^\s>]{1,200}[?&][^\s=>]{0,40}=[^\s>]{8,}",
    ),
    CodeWording(
        "EXFILTRATION",
        0.9,
        ("<img", "%3cimg"),
        rf"{_LT}\s{{0,3}}img\b[^<>]{{0,120}}?\bsrc\s{{0,3}}=\s{{0,3}}{_Q}?\s{{0,3}}(?:https?:)?//[^\s\"'<>]{{1,200}}[?&][^\s\"'<>=]{{0,40}}=(?:[^\s\"'<>&]{{12,}}"
        rf"|[{{$\[<])",
    ),
    CodeWording(
        "EXFILTRATION",
        0.9,
        ("fetch(", "sendbeacon", "xmlhttprequest", "document.cookie", "localstorage"),
        r"(?:\bfetch\(|sendbeacon\(|xmlhttprequest|new image\(|\.src\s{0,3}="
        r"|location(?:\.href)?\s{0,3}=)[^\n]{0,160}(?:document\.cookie|localstorage|sessionstorage"
        r"|document\.body)|(?:document\.cookie|localstorage\.getitem\([^)]{0,40}\))[^\n]{0,160}(?:\bfetch\("
        r"|sendbeacon\(|\.src\s{0,3}=|xmlhttprequest)",
    ),
    CodeWording(
        "FILE",
        0.85,
        ("../", "..\\", "%2e", "..%2f", "..;/", "..%5c", "....//"),
        rf"(?:(?:\.\.|%2e%2e|%252e%252e|\.%2e|%2e\.|\.\.;|\.\.\.\.)(?:/|\\|%2f|%5c|%252f|//"
        rf"|\\\\)){{2,}}[^\s]{{0,60}}?{_PRIVATE_FILES}|(?:(?:%2e%2e|%252e%252e|\.\.)(?:%2f|%5c|%252f"
        rf"|%c0%af)){{2,}}",
    ),
    CodeWording(
        "FILE",
        0.85,
        ("file:", "php:", "gopher:", "169.254.169.254", "metadata.google", "dict:", "expect:", "phar:"),
        r"\bfile:/{2,3}(?:etc|proc|root|home|var|c:|windows)\b|\bphp://(?:filter|input)|\b(?:gopher|dict"
        r"|expect|phar|jar:http)s?://|\b169\.254\.169\.254\b|\bmetadata\.google\.internal\b",
    ),
    CodeWording(
        "FILE",
        0.85,
        ("=cmd", "+cmd", "@sum", "=hyperlink", "=webservice", "=importxml", "=dde", "-cmd"),
        r"(?:^|[\n,;\t\"])\s{0,2}[=+@-]\s{0,2}(?:cmd\s{0,2}\||dde\s{0,2}\("
        r"|hyperlink\s{0,2}\(\s{0,2}\"https?:[^\n]{0,120}&|webservice\s{0,2}\(|import(?:xml|data|html"
        r"|feed)\s{0,2}\(|sum\([^)\n]{1,30}\)\s{0,2}\*\s{0,2}cmd\|)",
    ),
)
"""All wordings."""
