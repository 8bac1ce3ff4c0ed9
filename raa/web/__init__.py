"""The web side, and what plugins know as `raa.web`: `expose`, `require`, `reauthorize` and the request functions."""

from raa.web.answers import File
from raa.web.api import (
    baseUrl,
    getConfigValue,
    getCurrentUser,
    getRequestHeaderValue,
    getRequestHostname,
    getWebRoot,
    inWizardMode,
    makeUrl,
    raiseHttpRedirect,
    setConfigValue,
    setResponseHeaderValue,
)
from raa.web.markers import expose, reauthorize, require

__all__ = [
    "File",
    "baseUrl",
    "expose",
    "getConfigValue",
    "getCurrentUser",
    "getRequestHeaderValue",
    "getRequestHostname",
    "getWebRoot",
    "inWizardMode",
    "makeUrl",
    "raiseHttpRedirect",
    "reauthorize",
    "require",
    "setConfigValue",
    "setResponseHeaderValue",
]
