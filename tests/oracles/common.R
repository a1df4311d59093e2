# Shared by every R program of this folder: a JSON writer that keeps full precision.
# Finite numbers are written with 15 significant digits when those read back as the
# same double and with 17 otherwise; NaN, NA and infinities become strings
# ("NaN", "NA", "Inf", "-Inf").

here <- local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
})

json_number <- function(x) {
  if (is.nan(x)) return('"NaN"')
  if (is.na(x)) return('"NA"')
  if (is.infinite(x)) return(if (x > 0) '"Inf"' else '"-Inf"')
  s <- sprintf("%.15g", x)
  if (as.numeric(s) != x) s <- sprintf("%.17g", x)
  s
}

json_string <- function(x) {
  if (is.na(x)) return('"NA"')
  x <- gsub("\\", "\\\\", x, fixed = TRUE)
  x <- gsub('"', '\\"', x, fixed = TRUE)
  paste0('"', x, '"')
}

json_scalar <- function(x) {
  if (is.logical(x)) return(if (is.na(x)) '"NA"' else if (x) "true" else "false")
  if (is.numeric(x)) return(json_number(as.numeric(x)))
  json_string(as.character(x))
}

# arr() forces an array even for a vector of length one (or zero).
arr <- function(x) { x <- unname(x); attr(x, "json_array") <- TRUE; x }

to_json <- function(x, depth = 0) {
  if (is.null(x)) return("null")
  if (is.factor(x)) x <- as.character(x)
  if (is.matrix(x)) {
    rows <- apply(x, 1, function(r) paste0("[", paste(vapply(r, json_scalar, ""), collapse = ", "), "]"))
    return(paste0("[", paste(rows, collapse = ", "), "]"))
  }
  if (is.list(x)) {
    pad <- strrep(" ", 2 * (depth + 1))
    end <- strrep(" ", 2 * depth)
    body <- vapply(x, to_json, "", depth = depth + 1)
    if (is.null(names(x))) {
      if (!length(x)) return("[]")
      return(paste0("[\n", paste0(pad, body, collapse = ",\n"), "\n", end, "]"))
    }
    keys <- vapply(names(x), json_string, "")
    return(paste0("{\n", paste0(pad, keys, ": ", body, collapse = ",\n"), "\n", end, "}"))
  }
  if (!is.null(names(x))) return(to_json(as.list(x), depth))
  if (length(x) == 1 && is.null(attr(x, "json_array"))) return(json_scalar(x))
  attributes(x) <- NULL
  paste0("[", paste(vapply(seq_along(x), function(i) json_scalar(x[i]), ""), collapse = ", "), "]")
}

case <- function(name, input, expected) list(name = name, input = input, expected = expected)

emit <- function(program, cases, packages = character(), notes = NULL) {
  versions <- list(R = R.version.string)
  for (p in packages) versions[[p]] <- as.character(packageVersion(p))
  doc <- list(program = program, versions = versions)
  if (!is.null(notes)) doc$notes <- as.list(notes)
  doc$cases <- cases
  cat(to_json(doc), "\n", sep = "")
}

read_data <- function(...) read.csv(file.path(here, "data", ...), stringsAsFactors = FALSE)
