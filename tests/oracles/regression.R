# Regression adjustment on the NSW experiment (data set of Dehejia & Wahba) and small data.
# lm, sandwich::vcovHC (HC0..HC3), vcovCL, clubSandwich, and Lin's (2013) adjusted means.
#   Rscript tests/oracles/regression.R > tests/oracles/regression.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages({ library(sandwich); library(clubSandwich); library(lmtest) })

hc <- c("HC0", "HC1", "HC2", "HC3")
named <- function(x) { names(x) <- gsub("(Intercept)", "intercept", names(x), fixed = TRUE); as.list(x) }
fit_results <- function(fit, cluster = NULL) {
  out <- list(
    n = length(residuals(fit)), df_residual = fit$df.residual, sigma = summary(fit)$sigma,
    r_squared = summary(fit)$r.squared,
    coef = named(coef(fit)), se = named(sqrt(diag(vcov(fit)))))
  for (h in hc) out[[paste0("se_", h)]] <- named(sqrt(diag(vcovHC(fit, type = h))))
  ct <- coeftest(fit, vcov = vcovHC(fit, type = "HC2"))["treat", ]
  out$treat_HC2_t <- list(statistic = ct[["t value"]], df = fit$df.residual, p = ct[["Pr(>|t|)"]])
  if (!is.null(cluster)) {
    out$se_cluster_CR0 <- named(sqrt(diag(vcovCL(fit, cluster = cluster, type = "HC0", cadjust = FALSE))))
    out$se_cluster_HC0_cadjust <- named(sqrt(diag(vcovCL(fit, cluster = cluster, type = "HC0", cadjust = TRUE))))
    out$se_cluster_HC1_cadjust <- named(sqrt(diag(vcovCL(fit, cluster = cluster, type = "HC1", cadjust = TRUE))))
    r <- as.data.frame(coef_test(fit, vcovCR(fit, cluster = cluster, type = "CR2"), test = "Satterthwaite"))
    i <- which(rownames(r) == "treat"); if (!length(i)) i <- which(names(coef(fit)) == "treat")
    out$treat_CR2 <- list(se = r$SE[i], df = r$df_Satt[i], p = r$p_Satt[i])
  }
  out
}

# Each arm regressed by itself; its prediction at the pooled covariate means.
arm_means <- function(d, covs) {
  at <- as.data.frame(t(colMeans(d[covs])))
  f <- reformulate(covs, "y")
  arms <- lapply(c(treatment = 1, control = 0), function(a) {
    fit <- lm(f, d[d$treat == a, ])
    p <- predict(fit, at, se.fit = TRUE)
    x <- c(1, unlist(at))
    list(n = sum(d$treat == a), adjusted_mean = p$fit[[1]], se_classical = p$se.fit[[1]], df = p$df,
         se_HC0 = sqrt(drop(x %*% vcovHC(fit, type = "HC0") %*% x)),
         se_HC2 = sqrt(drop(x %*% vcovHC(fit, type = "HC2") %*% x)),
         se_HC3 = sqrt(drop(x %*% vcovHC(fit, type = "HC3") %*% x)),
         slopes = as.list(coef(fit)[-1]), sigma = summary(fit)$sigma)
  })
  c(arms, list(difference = arms$treatment$adjusted_mean - arms$control$adjusted_mean,
               covariate_means = as.list(unlist(at))))
}

lin <- function(d, covs) {
  for (v in covs) d[[paste0(v, "_c")]] <- d[[v]] - mean(d[[v]])
  f <- as.formula(paste("y ~ treat * (", paste0(covs, "_c", collapse = " + "), ")"))
  lm(f, d)
}

input <- function(d, cols, covariates, extra = list())
  c(list(covariates = arr(covariates)), extra, lapply(as.list(d[cols]), arr))

cases <- list()
add <- function(name, input, expected) cases[[length(cases) + 1]] <<- case(name, input, expected)

nsw <- read_data("nsw.csv")
nsw$y <- nsw$re78
covs <- c("age", "educ", "re74", "re75")
# An artificial cluster: 40 groups of neighbouring rows within the arms.
nsw$cluster <- ifelse(nsw$treat == 1, (seq_len(nrow(nsw)) - 1) %/% 10, 100 + (seq_len(nrow(nsw)) - 1) %/% 12)
nsw$group <- ifelse(nsw$black == 1, "black", ifelse(nsw$hisp == 1, "hisp", "other"))
cols <- c("y", "treat", covs, "group", "cluster")
nsw_input <- function(covariates) list(data = "nsw", covariates = arr(covariates))
add("nsw data", input(nsw, cols, covs), list(n = nrow(nsw)))
add("nsw y ~ treat", nsw_input(character()), fit_results(lm(y ~ treat, nsw), nsw$cluster))
add("nsw y ~ treat + re75", nsw_input("re75"), fit_results(lm(y ~ treat + re75, nsw), nsw$cluster))
add("nsw y ~ treat + age + educ + re74 + re75", nsw_input(covs),
    fit_results(lm(y ~ treat + age + educ + re74 + re75, nsw), nsw$cluster))
add("nsw y ~ treat + age + re75 + factor(group)", nsw_input(c("age", "re75", "group")),
    fit_results(lm(y ~ treat + age + re75 + factor(group), nsw), nsw$cluster))
add("nsw lin re75", nsw_input("re75"), c(fit_results(lin(nsw, "re75"), nsw$cluster), list(arms = arm_means(nsw, "re75"))))
add("nsw lin age educ re74 re75", nsw_input(covs),
    c(fit_results(lin(nsw, covs), nsw$cluster), list(arms = arm_means(nsw, covs))))

set.seed(5)
n <- 36
small <- data.frame(treat = rep(c(1, 0, 0), n / 3), x = round(rexp(n), 3), x2 = round(rnorm(n), 3))
small$y <- round(3 + small$treat * (1 + small$x) + 2 * small$x - small$x2 + rnorm(n) * (1 + small$treat), 3)
small$cluster <- (seq_len(n) - 1) %/% 3
sin <- function(covariates) input(small, c("y", "treat", "x", "x2", "cluster"), covariates)
add("small y ~ treat + x", sin("x"), fit_results(lm(y ~ treat + x, small), small$cluster))
add("small y ~ treat + x + x2", sin(c("x", "x2")), fit_results(lm(y ~ treat + x + x2, small), small$cluster))
add("small lin x", sin("x"), c(fit_results(lin(small, "x"), small$cluster), list(arms = arm_means(small, "x"))))
add("small lin x x2", sin(c("x", "x2")), c(fit_results(lin(small, c("x", "x2")), small$cluster), list(arms = arm_means(small, c("x", "x2")))))
# The same with large offsets: slopes, differences and standard errors must not move.
off <- transform(small, y = y + 1e6, x = x + 1e5)
add("small lin x, offsets 1e6 and 1e5", input(off, c("y", "treat", "x", "x2", "cluster"), "x"),
    c(fit_results(lin(off, "x"), off$cluster), list(arms = arm_means(off, "x"))))
mt <- data.frame(y = mtcars$mpg, treat = mtcars$am, wt = mtcars$wt, hp = mtcars$hp, cyl = mtcars$cyl, cluster = mtcars$carb)
add("mtcars mpg ~ treat + wt + hp", input(mt, c("y", "treat", "wt", "hp", "cluster"), c("wt", "hp")),
    fit_results(lm(y ~ treat + wt + hp, mt), mt$cluster))
add("mtcars lin wt", input(mt, c("y", "treat", "wt", "cluster"), "wt"),
    c(fit_results(lin(mt, "wt"), mt$cluster), list(arms = arm_means(mt, "wt"))))
emit("regression.R", cases, c("sandwich", "clubSandwich", "lmtest"), c(
  "Case 'nsw data' carries the columns of the cases whose input says data = nsw.",
  "In the lin cases x_c is x minus its mean over both arms; the coefficient of treat is the adjusted effect.",
  "arms: lm within each arm, predicted at the mean of the covariates over both arms.",
  "se_cluster_CR0: no small-sample factor; _cadjust: times G/(G-1); HC1: times (n-1)/(n-k) as well."))
