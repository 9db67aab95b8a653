"""Every refusal of a route as JSON. Used by the service and the studio."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException

from alexnet.errors import AlexNetError


def answer_errors_as_json(app: FastAPI) -> None:
    """Every refusal as {"error": reason}: the service's own, wrong values, and the user's mistakes."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, AnyHTTPException)
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    async def wrong_value(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        reasons = (f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
        return JSONResponse({"error": "; ".join(reasons)}, 422)

    async def mistake(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    app.add_exception_handler(AnyHTTPException, refused)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, wrong_value)
    app.add_exception_handler(AlexNetError, mistake)
