"""Plugins with Kid pages, written into a folder: one in the manner of 2008, one whose page is hello's."""

from __future__ import annotations

from pathlib import Path

WEB = """
import raa.web
from raa.modules.raawebplugin import rAAWebPlugin


class Old(rAAWebPlugin):
    displayName = "Old pages"
    tooltip = "As they were written in 2008."

    @raa.web.expose(html="rPath.old.index", allow_json=True)
    def index(self, word="<b>&"):
        return {"word": word, "nodes": {"one": {"limit": 2}, "two": {"limit": 1}}, "disabled": False, "schedId": 7}

    @raa.web.expose(html="old.templates.wizard")
    def wizard(self):
        return {"raaInWizard": True, "errors": ["First.", "Second."], "message": "Done."}

    @raa.web.expose(html="rPath.old.pass")
    def plain(self):
        return {}

    @raa.web.expose(html="rPath.old.broken")
    def broken(self):
        return {"secret": "hunter2"}

    @raa.web.expose(template="mixed.html")
    def mixed(self):
        return {}

    @raa.web.expose(template="mixed.kid")
    def turned(self):
        return {}

    @raa.web.expose(template="sub/deep.html")
    def deep(self):
        return {}

    @raa.web.expose(template="nowhere")
    def nowhere(self):
        return {}

    @raa.web.expose(html="rPath.old.write")
    def write(self):
        return {"plugin": self}

    @raa.web.expose(allow_json=True, redirect="index")
    def save(self, name="", nodes=()):
        return {"message": f"Saved {name} {len(nodes)}."}
"""

INDEX = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<?python import raa.templates.master
css = {1: 'low',
       None: 'high'}
def label(name): return '%s &bull;' % name
?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:py="http://purl.org/kid/ns#"
    py:extends="raa.templates.master">
    <!--
         A comment before the head.
    -->
    <head>
        <title py:if="disabled">Closed</title>
        <title py:if="not disabled">Nodes</title>
        <link type="text/css" href="${tg.url('/old/static/old.css')}" rel="stylesheet" media="screen" />
        <meta http-equiv="content-type" content="text/html; charset=latin-1"/>
        <meta name="old" content="$word"/>
        <?python
          from os.path import basename
        ?>
    </head>
    <?python word = word.upper() ?>
    <body id="middleWide" class="old">
        <div py:def="node(name, info)" class="${css.get(info['limit'], 'high')}"><strong>${name}</strong>:
            ${XML(label(name))}</div>
        <p py:replace="display_instructions('Read $$ this.', raaInWizard)"/>
        <div py:if="disabled == False" py:strip="True">
            <span py:for="name, info in sorted(nodes.iteritems())" py:replace="node(name, info)"/>
        </div>
        <p id="word" title="$word">$word&nbsp;${locals().get('schedId', -1)}${basename('/a/b')}</p>
        <form action="save" method="POST"><input type="hidden" name="name" value="node_$schedId"/><br/>
            <py:nothing xmlns:py="urn:nothing"/><button type="submit">Save</button></form>
        <form action="http://elsewhere.example/save" method="post"><button>Elsewhere</button></form>
        <form action="/&#9;/elsewhere.example/" method="post"><button>Hidden</button></form>
        <form action="index" method="get"><button>Find</button></form>
        <form action="javascript:void(0);" method="post"><button>Script</button></form>
    </body>
</html>
"""

WIZARD = """<?python
from raa.templates import master
?>
<html xmlns:py="http://purl.org/kid/ns#" py:extends="master">
<head><title>Step</title></head>
<body><p id="wizard">${raaInWizard} ${len(errors)} ${message}</p>
<b py:match="item.tag == 'kbd'">[${item.text}]</b><p><kbd>key</kbd></p></body>
</html>
"""

PASS = "<p>no frame, ${raaInWizard}, ${message}, ${errors}</p>"

BROKEN = """<html xmlns:py="http://purl.org/kid/ns#" py:extends="raa.templates.master">
<body>
<p>${secret.nothing}</p>
</body>
</html>
"""

MIXED_HTML = """<html xmlns:py="http://genshi.edgewall.org/" xmlns:xi="http://www.w3.org/2001/XInclude" py:strip="">
<xi:include href="widgets.html"/>
<py:def function="content()"><div id="genshi"><kbd>outer</kbd>${include('part.kid', level=1)}</div></py:def>
<xi:include href="layout.html"/>
</html>
"""

MIXED_KID = """<html xmlns:py="http://purl.org/kid/ns#" py:extends="raa.templates.master">
<body><em py:match="item.tag == 'kbd'">${item.text.upper()}</em>
<div id="kid"><kbd>outer</kbd>${include('part.html', level=1)}${widgets.icon('search')}</div></body>
</html>
"""

PART_KID = """<div xmlns:py="http://purl.org/kid/ns#" class="kid$level"><kbd>kid $level</kbd>
<p py:if="level &lt; 3" py:replace="include('part.html', level=level + 1)"/></div>
"""

PART_HTML = """<div xmlns:py="http://genshi.edgewall.org/" class="genshi$level"><kbd>genshi $level</kbd>
<py:if test="level &lt; 3">${include('part.kid', level=level + 1)}</py:if></div>
"""

WRITE = """<html xmlns:py="http://purl.org/kid/ns#" py:extends="raa.templates.master">
<body>${plugin.setPropertyValue('x', 1)}</body></html>
"""


def write_old(folder: Path) -> Path:
    """Write the plugin `old`; returns the folder for `plugins.dirs`."""
    files = {
        "__init__.py": "",
        "web/__init__.py": WEB,
        "index.kid": INDEX,
        "templates/wizard.kid": WIZARD,
        "pass.kid": PASS,
        "templates/broken.kid": BROKEN,
        "templates/mixed.html": MIXED_HTML,
        "templates/mixed.kid": MIXED_KID,
        "templates/sub/deep.html": "<p>deep ${include('sub/deeper.kid')}</p>",
        "templates/sub/deeper.kid": "<b>deeper</b>",
        "templates/part.kid": PART_KID,
        "templates/part.html": PART_HTML,
        "templates/write.kid": WRITE,
    }
    for name, text in files.items():
        (folder / "old" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "old" / name).write_text(text)
    return folder
