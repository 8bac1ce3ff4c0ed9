<!--! The frame of Kid pages, for py:extends: the page's head goes into the frame's, its body into the content area.
Variables: frame (from the console; without one the page stays as it is). -->
<html xmlns:py="http://purl.org/kid/ns#" py:def="layout" py:strip="">
<p py:def="display_instructions(text, raaInWizard=False)" py:if="text" class="prose">${text}</p>
${frame(content()) if defined("frame") else content()}
</html>
