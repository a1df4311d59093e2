# Standardised mean differences: effectsize::cohens_d, hedges_g, glass_delta.
#   Rscript tests/oracles/effect_sizes.R > tests/oracles/effect_sizes.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages(library(effectsize))

one <- function(name, control, treatment) {
  value <- function(f) suppressWarnings(as.numeric(f(treatment, control)[[1]]))
  # effectsize divides Glass's delta by the standard deviation of the second sample, the control.
  case(name, list(control = arr(control), treatment = arr(treatment)),
       list(cohen_d = value(cohens_d), hedges_g = value(hedges_g), glass_delta = value(glass_delta)))
}
set.seed(7)
cases <- list(
  one("sleep", sleep$extra[sleep$group == 1], sleep$extra[sleep$group == 2]),
  one("mtcars mpg by am", mtcars$mpg[mtcars$am == 0], mtcars$mpg[mtcars$am == 1]),
  one("PlantGrowth ctrl trt2", PlantGrowth$weight[PlantGrowth$group == "ctrl"], PlantGrowth$weight[PlantGrowth$group == "trt2"]),
  one("2 against 2", c(1, 2), c(2, 5)),
  one("12 against 60, unequal variances", round(rnorm(12, 10, 1), 3), round(rnorm(60, 11, 4), 3)),
  one("0 and 1", rep(c(0, 1), c(30, 10)), rep(c(0, 1), c(25, 20))))
emit("effect_sizes.R", cases, "effectsize")
