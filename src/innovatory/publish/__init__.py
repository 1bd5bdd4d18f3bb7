"""The publication: a static site made from edition folders alone.

    editions (folders) -> reading -> pages (a context and a template each) -> site

`reading` opens an edition, `pages` holds what all its pages share, the modules
`frontpage`, `claimpages`, `citypages`, `listpages`, `recordpages`, `countpages` and
`referencepages` make the contexts, `charts` and `worldmap` the pictures with their tables,
`package` the downloads, `site` writes.
"""

from innovatory.publish.site import Published, publish

__all__ = ["Published", "publish"]
