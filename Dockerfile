# One image, four processes (see compose.yaml): the command says which. Settings come from the environment alone.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN /venv/bin/pip install -r requirements.txt
COPY . .
RUN /venv/bin/python bin/assets.py --production && rm -r assets bin constraints.txt requirements*.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin gateway
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# gunicorn listens on 0.0.0.0:$PORT where PORT is set.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8000
USER gateway
EXPOSE 8000
CMD ["gunicorn", "wsgi:app"]
