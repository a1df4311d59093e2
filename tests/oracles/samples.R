# Studentised bootstrap of a difference and of a ratio of means, and quantiles of clustered rows.
#   Rscript tests/oracles/samples.R > tests/oracles/samples.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages({library(boot); library(survey)})

cases <- list()
add <- function(name, input, expected) cases[[length(cases) + 1]] <<- case(name, input, expected)

# boot.ci(type = "stud") of treatment - control, resampled within arms, with Welch's variance.
# "mc_sd": spread of the limits over 10 runs of a tenth of the replicates, over sqrt(10).
stud <- function(name, t, c, B = 200000) {
  d <- data.frame(v = c(t, c), a = rep(c(1, 0), c(length(t), length(c))))
  f <- function(d, i) {
    v <- d$v[i]; x <- v[d$a[i] == 1]; y <- v[d$a[i] == 0]
    c(mean(x) - mean(y), var(x) / length(x) + var(y) / length(y))
  }
  limits <- function(B) {
    b <- boot(d, f, R = B, strata = d$a)
    rows <- lapply(c(.9, .95, .99), function(level) boot.ci(b, conf = level, type = "stud")$student[4:5])
    z <- (b$t[, 1] - b$t0[1]) / sqrt(b$t[, 2]); t0 <- b$t0[1] / sqrt(b$t0[2])
    list(rows = rows, p = 2 * min(mean(z >= t0), mean(z <= t0)))
  }
  set.seed(2718)
  big <- limits(B)
  reps <- lapply(1:10, function(k) limits(B / 10))
  sds <- lapply(1:3, function(k) arr(apply(sapply(reps, function(r) r$rows[[k]]), 1, sd) / sqrt(10)))
  add(paste("studentised:", name), list(treatment = arr(t), control = arr(c)),
      list(estimate = mean(t) - mean(c), std_error = sqrt(var(t) / length(t) + var(c) / length(c)), p = big$p,
           levels = arr(c(.9, .95, .99)), intervals = lapply(big$rows, arr), mc_sd = sds))
}
stud("mtcars mpg", mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0])
stud("skewed", c(12.5, 0.3, 1.1, 2.4, 0.7, 33.1, 5.2, 0.9, 1.8, 7.7, 3.3, 0.2, 15.9, 2.1, 4.4),
     c(0.4, 1.9, 8.3, 0.6, 2.7, 0.1, 11.4, 1.3, 0.8, 3.9, 1.6, 5.1))
stud("women height by half", women$height[9:15], women$height[1:8])

# survey's Woodruff interval for clustered rows: (high - low) / (2 z) is its standard error.
set.seed(99)
m <- 150; rows <- rpois(m, 6) + 1
unit <- rep(seq_len(m), rows)
value <- round(rep(rexp(m, 1 / 20), rows) + rexp(sum(rows), 1 / 10), 3)
design <- svydesign(ids = ~unit, weights = ~1, data = data.frame(unit, value))
qs <- c(.25, .5, .75, .9)
r <- svyquantile(~value, design, qs, ci = TRUE, interval.type = "mean", qrule = "hf7", df = Inf)$value
add("svyquantile: rows in units", list(unit = arr(unit), value = arr(value), q = arr(qs)),
    list(quantile = arr(r[, "quantile"]), se = arr(r[, "se"]), low = arr(r[, "ci.2.5"]), high = arr(r[, "ci.97.5"])))

emit("samples.R", cases, c("boot", "survey"),
     "studentised: a Monte Carlo result; compare within 5 mc_sd plus your own Monte Carlo error.")
