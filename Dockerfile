# alexnet serve as an ordinary user on a read-only disk:
#   docker build -t alexnet .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL -e ALEXNET_TOKEN -p 8000:8000 -v "$PWD/runs/photos:/models/photos:ro" alexnet
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir '.[serve,train]' && useradd --no-create-home --uid 10001 alexnet
USER 10001
EXPOSE 8000
ENTRYPOINT ["alexnet", "serve"]
CMD ["/models/photos", "--host", "0.0.0.0"]
